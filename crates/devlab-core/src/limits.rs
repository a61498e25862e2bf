//! Every bound that callers can meet, by name.

use std::time::Duration;

/// Longest name of an org or project, in bytes. Fits a DNS label and a Kubernetes name.
pub const NAME_BYTES_MAX: usize = 63;
/// Longest title of a task or patch, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest goal text, in bytes.
pub const GOAL_BYTES_MAX: usize = 256 * 1024;
/// Longest comment, verdict or message, in bytes.
pub const COMMENT_BYTES_MAX: usize = 64 * 1024;
/// Longest question of an agent, in bytes.
pub const QUESTION_BYTES_MAX: usize = 16 * 1024;
/// Most answers that a question may have to choose from.
pub const CHOICES_MAX: usize = 16;
/// Longest of them, in bytes.
pub const CHOICE_BYTES_MAX: usize = 1024;
/// Most alternatives of one task.
pub const ALTERNATIVES_MAX: usize = 8;
/// Most questions that the agents of one task may ask.
pub const QUESTIONS_MAX: usize = 8;
/// Most messages to one attempt while it runs.
pub const MESSAGES_MAX: usize = 8;
/// Most tasks in one `schedule` request: they are stored in one transaction, which others wait for.
pub const GRAPH_TASKS_MAX: usize = 2_000;
/// Most tasks of a plan that is compiled. One that is carried out has at most [`GRAPH_TASKS_MAX`].
pub const PLAN_TASKS_MAX: usize = 100_000;
/// Most dependencies of a plan that is compiled.
pub const PLAN_EDGES_MAX: usize = 1_000_000;
/// Most bytes of the words and drivers of all tasks of one plan or graph. Tasks share words and inherit
/// drivers, and each has a copy: a small input can ask for very much.
pub const PLAN_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Largest file that a plan is compiled from, in bytes.
pub const PLAN_FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most revisions of one plan.
pub const PLAN_REVISIONS_MAX: usize = 1_000;
/// Most problems that a planner names.
pub const PLAN_PROBLEMS_MAX: usize = 100;
/// Most dependencies of one task.
pub const DEPENDENCIES_MAX: usize = 1_000;
/// Deepest nesting of tasks; a goal has depth 0.
pub const DEPTH_MAX: u8 = 8;
/// Most labels of a task or an agent.
pub const LABELS_MAX: usize = 32;
/// Longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 63;
/// Most different label sets that ready tasks of one org require at one time; a claim looks at the
/// head of the queue of each. A task with another one waits outside; see [`QUEUE_FULL_RETRY`].
pub const LABEL_SETS_MAX: usize = 256;
/// Most checks of one task, the project's included.
pub const CHECKS_MAX: usize = 64;
/// Most arguments of a command.
pub const ARGV_MAX: usize = 256;
/// Longest command, script or environment of a driver or check, in bytes.
pub const COMMAND_BYTES_MAX: usize = 128 * 1024;
/// Most attempts that one agent may hold at one time.
pub const AGENT_CAPACITY_MAX: u32 = 256;
/// Longest wait of a long poll.
pub const LONG_POLL_MAX: Duration = Duration::from_secs(30);
/// Largest chunk of a log, in bytes.
pub const LOG_CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Largest log of one attempt, in bytes.
pub const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest artifact, in bytes.
pub const ARTIFACT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most artifacts of one attempt.
pub const ARTIFACTS_MAX: usize = 256;
/// Most bytes of all artifacts of one attempt.
pub const ARTIFACTS_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Longest piece of a failed check's log that goes into a task's feedback, in bytes.
pub const LOG_TAIL_BYTES_MAX: usize = 16 * 1024;
/// Most pieces of feedback that an attempt's context carries (the newest).
pub const FEEDBACK_MAX: usize = 16;
/// Most tasks that one candidate batches.
pub const BATCH_MAX: usize = 64;
/// Most tasks in each part of a batch that failed; see `rules::batch`.
pub const BATCH_PART_MAX: usize = 16;
/// Default length of a page of a list.
pub const PAGE_DEFAULT: u32 = 50;
/// Longest page of a list.
pub const PAGE_MAX: u32 = 500;
/// Most tasks whose titles are looked at for one page of a search: it goes on from there with the
/// next page, so that a word that nothing has costs a page as much as one that everything has.
pub const SEARCHED_MAX: u32 = 1_000;
/// Longest page of dependencies: most plans have fewer.
pub const EDGES_PAGE_MAX: u32 = 5_000;
/// How long an `Idempotency-Key` is remembered.
pub const IDEMPOTENCY_TTL: Duration = Duration::from_secs(24 * 3600);
/// Longest `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 200;
/// Default lease of an attempt.
pub const LEASE_TERM_DEFAULT: Duration = Duration::from_secs(30);
/// Shortest and longest lease that can be configured.
pub const LEASE_TERM_RANGE: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(3600));
/// Default and longest time limit of a driver or check, in seconds.
pub const TIMEOUT_SECS_DEFAULT: u32 = 1800;
/// Longest time limit of a driver or check, in seconds.
pub const TIMEOUT_SECS_MAX: u32 = 24 * 3600;
/// Default limit of a driver's output, in bytes.
pub const OUTPUT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;
/// How often a task goes back because its result conflicts or fails on its target (DESIGN §5).
pub const SENT_BACK_MAX: u8 = 2;
/// How often a task is tried again after its own checks failed.
pub const CHECK_RETRIES_MAX: u8 = 3;
/// How often a task is tried again after its driver failed.
pub const DRIVER_RETRIES_MAX: u8 = 2;
/// How often a task is tried again after its agent was lost.
pub const LOST_RETRIES_MAX: u8 = 8;
/// First delay before a retry; doubles each time.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest delay before a retry.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// The same with the jitter on top. No alarm is set for longer: one that is farther away is of a
/// clock that went back.
pub const BACKOFF_WITH_JITTER_MAX: Duration = Duration::from_secs(75);
/// Most retries of one kind that a policy may allow.
pub const RETRIES_POLICY_MAX: u8 = 100;
/// Longest pause before a retry that a policy may ask for.
pub const BACKOFF_POLICY_MAX: Duration = Duration::from_secs(3600);
/// Most sets of labels before whose tasks a policy wants an approval.
pub const APPROVAL_SELECTORS_MAX: usize = 16;
/// Most labels, and most runtimes, for which a policy has limits.
pub const POLICY_LIMITS_MAX: usize = 32;
/// Highest limit of concurrency: no limit is the way to more.
pub const CONCURRENCY_MAX: u32 = 1_000_000;
/// Most limits of concurrency that the policies of an org, its projects and its goals may have.
pub const LIMITS_MAX: usize = 1_000;
/// Most templates of goals in an org.
pub const TEMPLATES_MAX: u32 = 200;
/// Most tasks that a template makes at one time.
pub const TEMPLATE_TASKS_MAX: usize = 200;
/// Most starts of a template whose goal is not made yet.
pub const FIRINGS_PENDING_MAX: u64 = 100;
/// Most starts of a template that others ask for in an hour.
pub const FIRINGS_HOUR_MAX: u64 = 600;
/// How long it is known what started a template: a delivery that comes again within that time is
/// refused.
pub const FIRINGS_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it is known at which times a schedule started something.
pub const TIMES_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Starts of a template that are shown with it.
pub const FIRINGS_SHOWN: u32 = 20;
/// Largest body of a webhook, in bytes.
pub const HOOK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest weight of an org.
pub const SHARE_MAX: u32 = 1_000;
/// Tasks that get new limits in one transaction.
pub const LANES_BATCH: u32 = 200;
/// How long a task waits whose label set has no room among the ready queues of its org.
pub const QUEUE_FULL_RETRY: Duration = Duration::from_secs(10);
/// How long an agent may be silent before it is listed as gone.
pub const AGENT_GONE_AFTER: Duration = Duration::from_secs(90);

/// Servers that a lab may have, those that have left and still have repositories included.
pub const SERVERS_MAX: u32 = 1_000;
/// How often a server says that it is there, and renews its leases of loops.
pub const SERVER_BEAT: Duration = Duration::from_secs(5);
/// How long a server counts as there after it was last heard of, and how long it has a loop.
pub const SERVER_TERM: Duration = Duration::from_secs(15);
/// When a server that was not heard of and has no repository is forgotten.
pub const SERVER_FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
