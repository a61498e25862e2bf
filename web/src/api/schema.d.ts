// Generated from the server's OpenAPI document by `npm run types`; not to be edited.

export interface paths {
    "/git/{org}/{repository}/{*rest}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists refs of a repository, for git clients. */
        get: operations["git.read"];
        put?: never;
        /** Fetches from a repository or pushes to it, for git clients. */
        post: operations["git.call"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Agents, newest first. */
        get: operations["agent.list"];
        put?: never;
        /** Registers an agent, or tells that it has restarted. */
        post: operations["agent.register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An agent. */
        get: operations["agent.get"];
        put?: never;
        post?: never;
        /** Removes an agent that holds nothing. */
        delete: operations["agent.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{id}/control": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells an agent which of its attempts to stop, what people said to the others, and whether to
         *     drain. Waits for something to say.
         */
        get: operations["agent.control"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{id}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tells an agent to take no new work. */
        post: operations["agent.drain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a draining agent take work again. */
        post: operations["agent.resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/artifacts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The bytes of an artifact, or a range of them. */
        get: operations["artifact.content"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The audit log, newest first. `next` is the place that the next page begins before. */
        get: operations["audit.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a backup of the whole lab while it runs: a tar whose last part is its manifest; one that
         *     ends before is none. For global admins: it holds the keys of the lab.
         */
        post: operations["lab.backup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Places where agents run. */
        get: operations["cluster.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/command": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Schedules one task and answers with it. */
        post: operations["command"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events in order, after a place. Pass `next` as `after`. */
        get: operations["event.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Events as they happen (Server-Sent Events). The id of an event is its place; a client that
         *     connects again with `Last-Event-ID` misses none and gets none twice.
         */
        get: operations["event.stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/goals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a goal that is done by a plan. It is a draft until a revision of its plan is approved,
         *     unless it is to begin at once.
         */
        post: operations["goal.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says that the process answers. */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/hooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a forge's webhook, signed with the schedule's secret. One that came before is refused; what
         *     starts nothing is answered with 200.
         */
        post: operations["hook.deliver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Exchanges the one-time code of the first start's login link for an admin's token. */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Counters in the text format of OpenMetrics. They count the whole lab, so an org's admin is
         *     refused.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orgs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Orgs that the caller sees, oldest first. */
        get: operations["org.list"];
        put?: never;
        /** Makes an org. For global admins. */
        post: operations["org.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orgs/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes the org of an exported archive in. Ids stay, so it can be in a lab once. For global
         *     admins.
         */
        post: operations["org.import"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orgs/{org}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An org, by id or name. */
        get: operations["org.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes an org. */
        patch: operations["org.update"];
        trace?: never;
    };
    "/v1/orgs/{org}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes an org along: all that belongs to it and nothing else, as a tar like that of a backup. It
         *     has no tokens.
         */
        post: operations["org.export"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orgs/{org}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The public keys of an org, oldest first. `root` is what a verifier of provenance has to know; each
         *     key after it is signed by the one before it.
         */
        get: operations["org.keys"];
        put?: never;
        /** Gives an org a new key, which signs from now on. The old one signs that, and nothing after it. */
        post: operations["org.rotate_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orgs/{org}/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The policy of an org, and what is in force there. */
        get: operations["policy.org"];
        /** Sets the policy of an org. Its limits count at once, the rest for what is made or approved later. */
        put: operations["policy.set_org"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orgs/{org}/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Goals of an org that ended so long ago that the logs, artifacts and refs of their attempts are
         *     due to go, oldest first. Changes nothing.
         */
        get: operations["org.retention"];
        put?: never;
        /**
         * Lets go of the logs, artifacts and refs of goals of an org that are due, oldest first: of at most
         *     50 goals in one call. It is done in the background as well, once an hour.
         */
        post: operations["org.retire"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/patches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Patches, newest first. */
        get: operations["patch.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/patches/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A patch with the newest of its discussion. */
        get: operations["patch.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/patches/{id}/comments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The discussion of a patch, oldest first. */
        get: operations["patch.comments"];
        put?: never;
        /**
         * Speaks on a patch. With a verdict it is a review: `accept` lets it go on into its target,
         *     `reject` sends its task back to work with these words. Words without a verdict do the same, unless
         *     `rework` is false.
         */
        post: operations["patch.comment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/patches/{id}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a patch changes, as a unified diff. A diff over 8 MiB is cut, and its last line says so. */
        get: operations["patch.diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/peers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Servers of the lab, oldest first. Their addresses and how many repositories they have are for
         *     global tokens.
         */
        get: operations["peer.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Projects, newest first. */
        get: operations["project.list"];
        put?: never;
        /** Makes a project with an empty repository, or one imported from an https address. */
        post: operations["project.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A project. */
        get: operations["project.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes a project. */
        patch: operations["project.update"];
        trace?: never;
    };
    "/v1/projects/{id}/blob": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The bytes of a file of the repository at a commit: at most 4 MiB. */
        get: operations["project.blob"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Moves the repository of a project to another server. For global admins. Work on it waits while
         *     what came in last is copied; if that fails, it stays where it was.
         */
        post: operations["project.move"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The policy of a project, and what is in force there. */
        get: operations["policy.project"];
        /**
         * Sets the policy of a project. Its limits count at once, the rest for what is made or approved
         *     later.
         */
        put: operations["policy.set_project"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What `.devlab/project.toml` on the default branch says now. */
        get: operations["project.settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Brings a commit of the upstream in, which has been pushed before: what is ahead moves the
         *     default branch, what has diverged is merged and verified by a task.
         */
        post: operations["project.sync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/train": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Results that are on their way into a branch of the project, each train in the order in which it
         *     merges them. All in one page, at most 500.
         */
        get: operations["project.train"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{id}/tree": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is in a folder of the repository at a commit: at most 5,000 entries. */
        get: operations["project.tree"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says that the server can work: its store answers. */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedule": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Schedules one task in words, or a graph of tasks, as a goal. */
        post: operations["schedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Schedules, newest first. */
        get: operations["schedule.list"];
        put?: never;
        /**
         * Makes a schedule, or a webhook. A webhook's secret is shown this once and stored nowhere, so a
         *     request that has an `Idempotency-Key` is refused.
         */
        post: operations["schedule.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One schedule, with its newest starts. */
        get: operations["schedule.get"];
        put?: never;
        post?: never;
        /** Removes a schedule. Goals that it made stay. */
        delete: operations["schedule.remove"];
        options?: never;
        head?: never;
        /** Pauses a schedule, or lets it go on. What it missed while it was paused is not made up for. */
        patch: operations["schedule.update"];
        trace?: never;
    };
    "/v1/schedules/{id}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Starts a schedule now, paused or not. The goal is made within seconds: look at its starts. */
        post: operations["schedule.run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{id}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives a webhook another secret, which is shown this once. The one before does not work any more. */
        post: operations["schedule.secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The orgs that the caller sees with what happens in each: tasks by state, agents, latest goals. */
        get: operations["state"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/store": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Settings of the store, read back from the database, such as its durability. */
        get: operations["store.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tasks, newest first. */
        get: operations["task.list"];
        put?: never;
        /** Makes one task: a goal, or a child of a composite. */
        post: operations["task.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/artifacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keeps a file of an attempt that is under way. May be repeated; other bytes under the same path
         *     replace it.
         */
        post: operations["task.put_artifact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives an agent work, waiting for it. */
        post: operations["task.claim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Appends to an attempt's log: at most 256 KiB of bytes. A repeated chunk is ignored, a gap is
         *     refused with the expected offset.
         */
        post: operations["task.append_log"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Extends a lease, or with `complete` ends an attempt. May be repeated until it is answered. */
        post: operations["task.update_attempt"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A task with everything that belongs to it. */
        get: operations["task.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes a task. */
        patch: operations["task.update"];
        trace?: never;
    };
    "/v1/tasks/{id}/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approves what waits for it: a draft, which is judged by the checks that its project has now; the
         *     start of a task; the publication of its result; or, of an alternative, that it is the one taken.
         */
        post: operations["task.activate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/answer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Answers what a task's agent asks. The next attempt hears it, and goes on with the work so far. */
        post: operations["task.answer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/archive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Hides a task that has ended from lists. */
        post: operations["task.archive"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/artifacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Artifacts of a task, oldest attempt first, then by path. */
        get: operations["task.artifacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/attempts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Attempts of a task, oldest first. */
        get: operations["task.attempts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Calls a task off, and everything below it. */
        post: operations["task.cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/candidates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Candidates that a task was part of, oldest first. */
        get: operations["task.candidates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/choice": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The alternatives of a task with what their checks said, and which one was taken, by whom. */
        get: operations["task.choice"];
        put?: never;
        /**
         * Takes one of a task's alternatives: it goes on into its target, and the others are called off.
         *     To take the same one again changes nothing.
         */
        post: operations["task.choose"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/commits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Commits that a task's result adds to its target, newest first. */
        get: operations["task.commits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/conflicts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Pairs of tasks with the same target that are in no order and touch the same paths, as they declare
         *     it or as their work shows: where this task meets others, and, of a composite, where its children
         *     meet each other, of a goal at every depth. All in one page, at most 1,000 pairs.
         */
        get: operations["task.conflicts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a task's result changes in its target, as a unified diff. A diff over 8 MiB is cut, and its
         *     last line says so.
         */
        get: operations["task.diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/edges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Dependencies among the tasks below a composite, at every depth: what a graph of it is drawn from. */
        get: operations["task.edges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/fail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives a task up: its parent is not done without it, and what depends on it stays blocked. */
        post: operations["task.fail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Part of an attempt's log, as bytes. */
        get: operations["task.logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/logs/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * An attempt's log as it grows (Server-Sent Events). Each `log` event has `offset` and `data`
         *     (base64), and its id is the offset that follows; `end` comes when the attempt has ended.
         */
        get: operations["task.logs_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says something to whoever does a task. A driver that can take it hears it while it works;
         *     otherwise the next attempt does, and there is one.
         * @description A task whose result is there, on which nobody works unless it is sent back, is told nothing: 409 says
         *     what to do.
         */
        post: operations["task.tell"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Revisions of a composite's plan, oldest first. */
        get: operations["plan.list"];
        put?: never;
        /**
         * Proposes another revision, or the first one of a leaf that nobody has tried, which becomes a
         *     composite with it. It becomes current when it is approved, or at once.
         */
        post: operations["plan.propose"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/plans/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A revision with its tasks and what each needs. */
        get: operations["plan.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/plans/{number}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a proposed revision the current one and carries it out. What it adds is judged by the
         *     checks that the project has now.
         */
        post: operations["plan.approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/plans/{number}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a revision changes: its tasks as kept, added, removed or changed. */
        get: operations["plan.diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/plans/{number}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says no to a proposed revision. */
        post: operations["plan.reject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/policy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The policy of the goal that a task serves, and what is in force there. */
        get: operations["policy.goal"];
        /** Sets the policy of a goal, for all of its tasks that are not over. */
        put: operations["policy.set_goal"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/receipts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Receipts of a task, oldest first. */
        get: operations["task.receipts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tasks/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tries a task again that waits for attention, failed or was cancelled. */
        post: operations["task.retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tokens, newest first, without their secrets. */
        get: operations["token.list"];
        put?: never;
        /**
         * Makes a token. Its secret is shown this once and stored nowhere, so it cannot be shown again for
         *     an `Idempotency-Key`: a request that has one is refused. If an answer was lost, look for the
         *     token in the list by its note, revoke it, and make another.
         */
        post: operations["token.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes a token: it stops working at once. */
        delete: operations["token.revoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Holds records and repositories against each other, which reads every repository whole. For
         *     global admins.
         */
        get: operations["lab.verify"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who the caller is. */
        get: operations["whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description An agent. */
        Agent: {
            /** @description Attempts that it holds now. */
            attempts: string[];
            /**
             * Format: int32
             * @description Attempts that it takes at one time.
             */
            capacity: number;
            /**
             * Format: date-time
             * @description When it registered first.
             */
            created_at: string;
            /** @description Whether it takes no new work. */
            draining: boolean;
            /**
             * @description Id.
             * @example agent_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description What it can do. */
            labels: string[];
            /** @description Name. */
            name: string;
            /** @description Whether it has called lately. */
            online: boolean;
            /** @description Org. */
            org: string;
            /** @description Runtime. */
            runtime: string;
            /**
             * Format: date-time
             * @description When it last called.
             */
            seen_at: string;
        };
        /** @description One of several ways to do a task. What it leaves out is the task's own. */
        Alternative: {
            driver?: components["schemas"]["Driver"] | null;
            /** @description Labels that an agent needs. */
            labels?: string[] | null;
            /** @description One line. */
            title?: string | null;
        };
        /** @description A person's answer. Give either `choice` or `text`. */
        AnswerTask: {
            /**
             * Format: int32
             * @description The choice with this number, from 1.
             */
            choice?: number | null;
            /**
             * Format: int32
             * @description Number of the question that is answered; refused if the task asks something else by now.
             */
            number?: number | null;
            /** @description The answer in words. */
            text?: string | null;
        };
        /** @description Makes a revision the current one. */
        ApprovePlan: {
            running?: components["schemas"]["OnRunning"] | null;
            /** @description Why. */
            why?: string;
        };
        /** @description A file that an attempt left. */
        Artifact: {
            /** @description Attempt that left it. */
            attempt: string;
            /**
             * Format: date-time
             * @description When it came.
             */
            created_at: string;
            /** @description Id. */
            id: string;
            /** @description Path in the attempt's tree. */
            path: string;
            /** @description SHA-256 of its bytes; absent once they are gone, by the rules of retention. */
            sha256?: string | null;
            /**
             * Format: int64
             * @description Length, in bytes.
             */
            size: number;
            /** @description Task. */
            task: string;
        };
        /** @description Something that is asked of people. */
        Ask: {
            answer?: components["schemas"]["AskAnswer"] | null;
            /**
             * Format: date-time
             * @description When.
             */
            asked_at: string;
            /** @description The attempt that asks; absent if policy does. */
            attempt?: string | null;
            /** @description Answers to choose from; a person may say something else. */
            choices?: string[];
            /** @description The result that it is about. */
            head?: string | null;
            /**
             * @description `start` and `publication` want an approval, `choice` one of several results, `question` and
             *     `permission` an answer.
             */
            kind: string;
            /**
             * Format: int32
             * @description From 1 for each task.
             */
            number: number;
            /** @description In words; empty if policy asks. */
            text: string;
        };
        /** @description What somebody said to what was asked. */
        AskAnswer: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who. */
            by: string;
            /** @description In words; may be empty for an approval. */
            text: string;
        };
        /** @description A question, and the work so far. */
        Asked: {
            /**
             * @description The commit that was pushed: what the next attempt goes on from; absent for a task without a
             *     repository.
             */
            commit?: string | null;
            /** @description What is asked. */
            question: components["schemas"]["Question"];
        };
        /** @description An attempt. */
        Attempt: {
            /** @description Agent. */
            agent: string;
            /** @description Commit it started from, or verified. */
            base?: string | null;
            /** @description Candidate that it verified. */
            candidate?: string | null;
            /** @description Its result. */
            commit?: string | null;
            /**
             * Format: date-time
             * @description When it was claimed.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it ended.
             */
            ended_at?: string | null;
            /** @description Kind of failure. */
            failure?: string | null;
            /**
             * @description Id.
             * @example att_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description `work` or `verify`. */
            kind: string;
            /**
             * Format: int64
             * @description Length of its log in bytes.
             */
            log_bytes: number;
            /** @description Whether the bytes of its log are gone, by the rules of retention. */
            log_gone?: boolean;
            /**
             * Format: int32
             * @description Counts the tries.
             */
            number: number;
            /** @description Last reported phase. */
            phase: string;
            /** @description Earlier work that it went on from. */
            prior?: string | null;
            /** @description `live`, `lost`, `superseded`, `succeeded`, `failed`, `cancelled` or `asked`. */
            state: string;
            /** @description Task. */
            task: string;
        };
        /** @description An entry of the audit log. */
        AuditEntry: {
            /** @description What, such as `task.cancel`. */
            action: string;
            /** @description Who: role and token id. */
            actor: string;
            /** @description When (RFC 3339). */
            at: string;
            /** @description Org; absent for what concerns the whole lab. */
            org?: string | null;
            /** @description Request id, as in the server's log. */
            request_id: string;
            /**
             * Format: int64
             * @description Place in the log.
             */
            seq: number;
            /** @description Id of what it was done to. */
            target: string;
        };
        /** @description An attempt that was stopped on request. */
        CancelledByRequest: Record<string, never>;
        /** @description A merge of results with their target. */
        Candidate: {
            /** @description Head of the target that it was built on. */
            base?: string | null;
            /** @description Id. */
            id: string;
            /** @description `building`, `verifying`, `publishing`, `published` or `rejected`. */
            state: string;
            /** @description Branch that it goes into. */
            target: string;
            /** @description Tasks, in the order of their merges. */
            tasks: string[];
            /** @description Tip of its merges. */
            tip?: string | null;
            /** @description Tree of the tip. */
            tree?: string | null;
            /**
             * Format: int32
             * @description Verify attempts made.
             */
            verify_attempts: number;
        };
        /** @description A command that must pass on a tree. */
        Check: {
            /** @description Name that people see. */
            name: string;
            /** @description Shell command, run in a clean checkout. */
            run: string;
            /**
             * Format: int32
             * @description Time limit in seconds; default 1800.
             */
            timeout_secs?: number;
        };
        /** @description An alternative, as whoever chooses looks at it. */
        ChoiceAlternative: {
            /**
             * Format: int32
             * @description Work attempts made.
             */
            attempts: number;
            /** @description What the checks said of that commit, in their order. */
            checks?: components["schemas"]["ChoiceCheck"][];
            /** @description Whether it can be chosen now: it has passed its checks, and none was taken yet. */
            choosable: boolean;
            diff?: components["schemas"]["DiffSize"] | null;
            /**
             * @description The last commit that one of its attempts came to. It stays on the ref of that attempt, as
             *     long as retention says.
             */
            head?: string | null;
            /** @description Its state. */
            state: string;
            /** @description The alternative: a task. */
            task: string;
            /** @description Its title, which begins with its number. */
            title: string;
            /** @description What it waits for, if it is `waiting`: `approval` is the choice. */
            waiting_for?: string | null;
        };
        /** @description What a check said of an alternative's commit. */
        ChoiceCheck: {
            /** @description Name of the check. */
            check: string;
            /**
             * Format: int64
             * @description Duration in milliseconds.
             */
            duration_ms: number;
            /** @description Whether it passed. */
            passed: boolean;
        };
        /**
         * @description What a task has to do with a choice.
         * @enum {string}
         */
        ChoiceRole: "open" | "taken" | "alternative";
        /** @description Takes one of a task's alternatives. */
        ChooseTask: {
            /** @description The alternative. */
            alternative: string;
            /** @description Its `head`, as it was looked at: refused with `outdated` if it has another one by now. */
            head?: string | null;
        };
        /** @description Asks for work. Waits until there is some. */
        Claim: {
            /** @description The agent. */
            agent: string;
            /**
             * @description An id of the agent's own for this claim, 1 to 64 characters. Repeating it returns the same
             *     attempt.
             */
            claim_id: string;
            /**
             * Format: int32
             * @description How long to wait, in seconds; at most 30. Default 0.
             */
            wait_secs?: number;
        };
        /** @description Work that was claimed, with everything that the agent needs. */
        Claimed: {
            /** @description What earlier attempts asked and people answered, oldest first. */
            answers?: components["schemas"]["Ask"][];
            /** @description Patterns of files to keep of what the driver leaves; empty for a verify attempt. */
            artifacts?: string[];
            /** @description The attempt: the fence of every later call. */
            attempt: string;
            driver?: components["schemas"]["Driver"] | null;
            /**
             * Format: int32
             * @description How long a driver may take at most, in seconds, if policy says so; `driver` keeps to it.
             */
            driver_secs_max?: number | null;
            /** @description What is known from earlier attempts, oldest first. */
            feedback?: Record<string, never>[];
            /** @description Goal in words. */
            goal: string;
            /** @description `work` or `verify`. */
            kind: string;
            /**
             * Format: int64
             * @description Length of the lease in milliseconds; heartbeat at least three times as often.
             */
            lease_ms: number;
            /**
             * Format: int32
             * @description Counts the tries.
             */
            number: number;
            repository?: components["schemas"]["Repository"] | null;
            /** @description The task. */
            task: string;
            /** @description Title of the task. */
            title: string;
        };
        /** @description A registered place of one runtime. */
        Cluster: {
            /**
             * Format: int32
             * @description Agents that run there now.
             */
            agents: number;
            /**
             * Format: int32
             * @description Agents that it is meant to run.
             */
            capacity: number;
            /** @description Isolation that its agents get: `process` is policy, not protection. */
            isolation: string;
            /** @description Name. */
            name: string;
            /** @description Runtime, such as `local`. */
            runtime: string;
        };
        /** @description The `command` driver. */
        Command: {
            /** @description Program and arguments. Give either this or `script`. */
            argv?: string[];
            /** @description Variables added to the cleared environment. */
            env?: {
                [key: string]: string;
            };
            /** @description A script for `sh -eu`. */
            script?: string | null;
            /**
             * Format: int32
             * @description Time limit in seconds; default 1800.
             */
            timeout_secs?: number | null;
        };
        /** @description Schedules one task. */
        CommandTask: {
            driver?: components["schemas"]["Driver"] | null;
            /** @description Labels that an agent needs. */
            labels?: string[];
            /** @description Org, by id or name. May be left out by a caller that has just one. */
            org?: string | null;
            /**
             * Format: int32
             * @description Higher is earlier; default 0.
             */
            priority?: number;
            /** @description Project, by id or name. A task without one changes no repository. */
            project?: string | null;
            /** @description Whether a person reviews the result. Default: yes if there is a project. */
            review?: boolean | null;
            /** @description What is wanted, in words. The first line is the title. */
            task: string;
        };
        /** @description A commit, in a task's log. */
        Commit: {
            /** @description When (RFC 3339). */
            at: string;
            /** @description Author's name. */
            author: string;
            /** @description Id. */
            id: string;
            /** @description Parents. */
            parents: string[];
            /** @description First line of the message. */
            subject: string;
        };
        /** @description How an attempt ended. Exactly one member is given. */
        Completion: {
            /** @description The driver did its work, and the checks ran (they may have failed: the receipts say). */
            delivered: components["schemas"]["Delivery"];
        } | {
            /** @description The driver failed. */
            driver_failed: components["schemas"]["DriverFailure"];
        } | {
            /** @description The driver asks a person something; the task goes on once there is an answer. */
            asked: components["schemas"]["Asked"];
        } | {
            /** @description The agent could not do its part (no space, no git); the task goes to another attempt. */
            given_up: components["schemas"]["GivenUp"];
        } | {
            /** @description The agent stopped it, because it was told to. */
            cancelled: components["schemas"]["CancelledByRequest"];
        };
        /** @description Two tasks with the same target that will touch the same paths, if both go on. */
        Conflict: {
            /** @description The older one. */
            first: components["schemas"]["ConflictSide"];
            /** @description How it is known. */
            kind: components["schemas"]["ConflictKind"];
            /**
             * @description Files and folders that both touch, the narrower where one names what is below the other; at
             *     most 16.
             */
            paths: string[];
            /** @description The other. */
            second: components["schemas"]["ConflictSide"];
        };
        /**
         * @description How it is known that a task touches a path.
         * @enum {string}
         */
        ConflictKind: "declared" | "observed";
        /** @description One of two tasks that meet. */
        ConflictSide: {
            /** @description Its state: `ready`, `running`, `integrating` or `waiting`. */
            state: string;
            /** @description The task. */
            task: string;
            /** @description Its title. */
            title: string;
        };
        /** @description What an agent is told on its control channel. */
        Control: {
            /** @description Whether to take no new work. */
            drain: boolean;
            /** @description What people said to those of them that it asked about. */
            messages?: components["schemas"]["Message"][];
            /** @description Attempts of those it named that it has to stop: cancelled or superseded. */
            stop: string[];
        };
        /** @description Speaks on a patch; with a verdict it is a review of the current head. */
        CreateComment: {
            /** @description The words. May be empty for an acceptance. */
            body?: string;
            /** @description The head that the reviewer saw; a review is refused when it has changed. */
            head?: string | null;
            /**
             * @description Whether words without a verdict go to whoever does the task: a result that waits for its
             *     review goes back to work with them. Default true; false is for people only.
             */
            rework?: boolean | null;
            /** @description `accept` or `reject`. */
            verdict?: string | null;
        };
        /** @description Makes a goal that is done by a plan. */
        CreateGoal: {
            /** @description Whether it begins at once. Otherwise it is a draft until its plan is approved. */
            approve?: boolean;
            /** @description Goals of the same org that have to be done first. */
            depends_on?: string[];
            /** @description What it is planned from. */
            input: components["schemas"]["PlanInput"];
            /** @description Org, by id or name. May be left out by a caller that has just one. */
            org?: string | null;
            /** @description Project, by id or name. A goal without one changes no repository. */
            project?: string | null;
            /** @description Whether a person reviews its result. Default: what the plan says, or else yes with a project. */
            review?: boolean | null;
            /** @description Why it is wanted. */
            why?: string;
        };
        /** @description Makes an org. */
        CreateOrg: {
            /** @description Name: 1 to 63 of `a-z 0-9 -`. */
            name: string;
        };
        /** @description Makes a project. */
        CreateProject: {
            /** @description Branch that goals go into. Default: `main`. */
            default_branch?: string | null;
            /** @description An https address to fill the repository from. Without it, push to `git_path`. */
            import_url?: string | null;
            /** @description Name: 1 to 63 of `a-z 0-9 -`. */
            name: string;
            /** @description Org, by id or name. May be left out by a caller that has just one. */
            org?: string | null;
            /** @description Where people work on it; a note for people. */
            upstream?: string | null;
        };
        /** @description Makes one task. */
        CreateTask: {
            /** @description The same with ways that differ. */
            alternatives?: components["schemas"]["Alternative"][] | null;
            /** @description Patterns of files that are kept of what the driver leaves, besides the project's. */
            artifacts?: string[];
            /**
             * Format: int32
             * @description Try it so many times at once, 2 to 8, and take one of the results.
             */
            best_of?: number | null;
            /** @description Checks besides the project's. */
            checks?: components["schemas"]["Check"][];
            /** @description Tasks of the same parent (or goals of the same org) that have to be done first. */
            depends_on?: string[];
            /** @description Whether it waits in `draft` for an approval. */
            draft?: boolean;
            driver?: components["schemas"]["Driver"] | null;
            /** @description What is wanted, in words. Default: the title. */
            goal?: string | null;
            /** @description Labels that an agent needs. */
            labels?: string[];
            /** @description Org, by id or name. May be left out by a caller that has just one, and with a `parent`. */
            org?: string | null;
            /** @description Composite that it belongs to. */
            parent?: string | null;
            /**
             * @description Files and folders that it will touch: what overlaps with other tasks is shown before it is
             *     done.
             */
            paths?: string[];
            /**
             * Format: int32
             * @description Higher is earlier; default 0.
             */
            priority?: number;
            /** @description Project, by id or name. A task without one changes no repository. */
            project?: string | null;
            /** @description Whether a person reviews the result. Default: yes for a goal with a project. */
            review?: boolean | null;
            /** @description Whether it does things outside that must not be repeated by themselves. */
            side_effects?: boolean;
            /** @description One line. */
            title: string;
        };
        /** @description A schedule to make: what is made, and either `cron` or `hook`. */
        CreateTemplate: {
            cron?: components["schemas"]["CronTrigger"] | null;
            /**
             * @description What is scheduled each time, with its org and project. `{names}` in titles and words are
             *     filled with what started it.
             */
            goal: components["schemas"]["Schedule"];
            hook?: components["schemas"]["HookTrigger"] | null;
            /** @description Name, unique in its org: 1 to 63 of a-z 0-9 -. */
            name: string;
        };
        /** @description Makes a token. */
        CreateToken: {
            /**
             * Format: int64
             * @description Seconds until it stops working; never if left out.
             */
            expires_in_secs?: number | null;
            /** @description What it is for. */
            note?: string;
            /**
             * @description Org, by id or name. Only a global admin may leave it out, for a global admin's or a metrics
             *     token.
             */
            org?: string | null;
            /** @description `admin`, `operator`, `viewer`, `agent` or `metrics`. */
            role: string;
        };
        /** @description Times. */
        CronTrigger: {
            /**
             * @description Minute, hour, day of the month, month, day of the week.
             * @example 0 6 * * MON-FRI
             */
            expression: string;
            /** @description Whether it starts another goal while the last one is not over. */
            overlap?: boolean;
            /**
             * @description Time zone by its name in the IANA database.
             * @example Europe/Berlin
             */
            zone?: string;
        };
        /** @description What became of a webhook. */
        Delivered: {
            /** @description Whether it starts a goal. */
            started: boolean;
        };
        /** @description A result. */
        Delivery: {
            /** @description The commit that was pushed (work) or verified; absent for a task without a repository. */
            commit?: string | null;
            /**
             * Format: int32
             * @description How many of the messages that came while it ran the driver has heard. After others another
             *     attempt follows.
             */
            heard?: number;
            /** @description One receipt for each check that ran, in order. Checks after a failed one do not run. */
            receipts?: components["schemas"]["NewReceipt"][];
        };
        /** @description Size of a change. */
        DiffSize: {
            /**
             * Format: int32
             * @description Lines added.
             */
            added: number;
            /**
             * Format: int32
             * @description Files that differ.
             */
            files: number;
            /**
             * Format: int32
             * @description Lines removed.
             */
            removed: number;
        };
        /** @description How a task is done. Exactly one member is given. */
        Driver: {
            /** @description A command or a script. */
            command: components["schemas"]["Command"];
        };
        /** @description Why a driver failed. */
        DriverFailure: {
            /** @description End of its output; at most 16 KiB. */
            log_tail?: string;
            /**
             * @description Whether its program does not exist or cannot be started: another try would end the same way,
             *     so there is none until a person asks for it.
             */
            not_started?: boolean;
            /** @description In words: `exit code 3`, `time limit of 60 s`. */
            reason: string;
        };
        /** @description A page of what is due, and by which rule. */
        Due: {
            /** @description Goals, oldest first. */
            items: components["schemas"]["DueGoal"][];
            /** @description `cursor` of the next page, if there is one. */
            next?: string | null;
            /** @description What is in force for the org: its own retention, or else the lab's. */
            retention: string;
        };
        /** @description A goal that ended so long ago that the bytes of its attempts are due to go. */
        DueGoal: {
            /**
             * Format: date-time
             * @description When it ended.
             */
            ended_at: string;
            /** @description The goal. */
            goal: string;
            /** @description What goes. */
            holds: components["schemas"]["Holdings"];
            /** @description Its title. */
            title: string;
        };
        /** @description A dependency between two tasks. */
        Edge: {
            /** @description What it waits for. */
            depends_on: string;
            /** @description What waits. */
            task: string;
        };
        /** @description Something that happened. On a stream its SSE id is `seq` and its SSE event is `kind`. */
        Event: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Attempt it concerns. */
            attempt?: string | null;
            /** @description Particulars. For `task.state`: `from`, `to`, `cause`. */
            data: unknown;
            /** @description What, such as `task.state`. */
            kind: string;
            /** @description Org. */
            org: string;
            /** @description Project it concerns. */
            project?: string | null;
            /**
             * Format: int64
             * @description Place in the stream: strictly increasing, with gaps.
             */
            seq: number;
            /** @description Task it concerns. */
            task?: string | null;
        };
        /** @description A plan file, as YAML or JSON; its schema is `docs/plan.schema.json`. */
        FileInput: {
            /**
             * @description Its name, for problems and for the plan's origin.
             * @example plan.yaml
             */
            name: string;
            /** @description Its content. */
            text: string;
        };
        /** @description What is in a folder of a project's repository, at a commit. */
        Folder: {
            /** @description The commit. */
            commit: string;
            /** @description Whether there are more than 5,000, which is the most that is listed. */
            cut: boolean;
            /** @description What is in it, by the bytes of the names. */
            entries: components["schemas"]["FolderEntry"][];
            /** @description The folder's path from the root; empty for the root itself. */
            path: string;
        };
        /** @description Something in a folder. */
        FolderEntry: {
            /** @description What it is: `file`, `executable`, `link`, `folder` or `submodule`. */
            kind: string;
            /** @description Its name, without the folder's. */
            name: string;
            /**
             * Format: int64
             * @description Bytes of a file or a link.
             */
            size?: number | null;
        };
        /** @description Why an agent gave up. */
        GivenUp: {
            /** @description In words. */
            reason: string;
        };
        /** @description A task in a graph. */
        GraphTask: {
            /** @description The same with ways that differ. */
            alternatives?: components["schemas"]["Alternative"][] | null;
            /** @description Patterns of files that are kept of what the driver leaves, besides the project's. */
            artifacts?: string[];
            /**
             * Format: int32
             * @description Try it so many times at once, 2 to 8, and take one of the results.
             */
            best_of?: number | null;
            /** @description Checks besides the project's. */
            checks?: components["schemas"]["Check"][];
            /** @description Keys of tasks of the same parent that have to be done first. */
            depends_on?: string[];
            driver?: components["schemas"]["Driver"] | null;
            /** @description What is wanted, in words. Default: the title. */
            goal?: string | null;
            /** @description Name within the request, for `depends_on` and the answer. */
            key: string;
            /** @description Labels that an agent needs. */
            labels?: string[];
            /**
             * @description Files and folders that it will touch: what overlaps with other tasks is shown before it is
             *     done.
             */
            paths?: string[];
            /**
             * Format: int32
             * @description Higher is earlier.
             */
            priority?: number;
            /** @description Whether a person reviews the result; default no. */
            review?: boolean;
            /** @description Whether it does things outside that must not be repeated by themselves. */
            side_effects?: boolean;
            /** @description Children; a task with children is a composite. */
            tasks?: components["schemas"]["GraphTask"][];
            /** @description One line. */
            title: string;
        };
        /** @description Answer of `/health` and `/ready`. */
        Health: {
            /**
             * @description `ok`.
             * @example ok
             */
            status: string;
        };
        /** @description What attempts left that goes by the rules of retention. */
        Holdings: {
            /**
             * Format: int64
             * @description Their bytes.
             */
            artifact_bytes: number;
            /**
             * Format: int64
             * @description Artifacts.
             */
            artifacts: number;
            /**
             * Format: int64
             * @description Their bytes.
             */
            log_bytes: number;
            /**
             * Format: int64
             * @description Logs.
             */
            logs: number;
            /**
             * Format: int64
             * @description Commits of attempts that a ref of their own keeps. Refs go within the hour after the rest,
             *     by the server that has the repository.
             */
            refs: number;
        };
        /** @description What has to happen in a forge. */
        HookTrigger: {
            /** @description Patterns of branches that are pushed to, or that a request goes into; any if left out. */
            branches?: string[];
            /** @description `push`, `pull_request`; any of both if left out. */
            events?: string[];
            /** @description `github`, `gitlab` or `forgejo`, which is for Gitea too. */
            forge: string;
        };
        /** @description Something that does not hold. */
        LabProblem: {
            /** @description What to do about it. */
            help: string;
            /** @description Where: a project, or `records`. */
            place: string;
            /** @description What does not hold. */
            what: string;
        };
        /** @description What a look at a lab has found. */
        LabReport: {
            /**
             * Format: int64
             * @description Sealed logs and artifacts that were read whole.
             */
            blobs: number;
            /**
             * Format: int64
             * @description Projects that were not looked at, because other servers have their repositories and could not
             *     be asked: they are not there, or the lab does not run.
             */
            elsewhere: number;
            /**
             * Format: int64
             * @description Merges that were published.
             */
            merges: number;
            /**
             * Format: int64
             * @description How many more there are.
             */
            more: number;
            /**
             * Format: int64
             * @description Objects that records name and that have to be there.
             */
            objects: number;
            /** @description Whether everything holds. */
            ok: boolean;
            /** @description What does not hold; at most a thousand. */
            problems: components["schemas"]["LabProblem"][];
            /**
             * Format: int64
             * @description Projects, and so repositories, that were looked at.
             */
            projects: number;
            /**
             * Format: int64
             * @description Receipts whose commit is there.
             */
            receipts: number;
            /**
             * Format: int64
             * @description Tasks.
             */
            tasks: number;
        };
        /** @description The orgs that the caller sees, and what happens in them, at one moment. */
        LabState: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Where the next orgs begin: pass it as `cursor`. Absent if there are no more. */
            next?: string | null;
            /** @description Orgs, oldest first, 50 at a time. */
            orgs: components["schemas"]["OrgState"][];
        };
        /** @description A page of a list. */
        List_Agent: {
            /** @description The items. */
            items: {
                /** @description Attempts that it holds now. */
                attempts: string[];
                /**
                 * Format: int32
                 * @description Attempts that it takes at one time.
                 */
                capacity: number;
                /**
                 * Format: date-time
                 * @description When it registered first.
                 */
                created_at: string;
                /** @description Whether it takes no new work. */
                draining: boolean;
                /**
                 * @description Id.
                 * @example agent_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description What it can do. */
                labels: string[];
                /** @description Name. */
                name: string;
                /** @description Whether it has called lately. */
                online: boolean;
                /** @description Org. */
                org: string;
                /** @description Runtime. */
                runtime: string;
                /**
                 * Format: date-time
                 * @description When it last called.
                 */
                seen_at: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Artifact: {
            /** @description The items. */
            items: {
                /** @description Attempt that left it. */
                attempt: string;
                /**
                 * Format: date-time
                 * @description When it came.
                 */
                created_at: string;
                /** @description Id. */
                id: string;
                /** @description Path in the attempt's tree. */
                path: string;
                /** @description SHA-256 of its bytes; absent once they are gone, by the rules of retention. */
                sha256?: string | null;
                /**
                 * Format: int64
                 * @description Length, in bytes.
                 */
                size: number;
                /** @description Task. */
                task: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Attempt: {
            /** @description The items. */
            items: {
                /** @description Agent. */
                agent: string;
                /** @description Commit it started from, or verified. */
                base?: string | null;
                /** @description Candidate that it verified. */
                candidate?: string | null;
                /** @description Its result. */
                commit?: string | null;
                /**
                 * Format: date-time
                 * @description When it was claimed.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When it ended.
                 */
                ended_at?: string | null;
                /** @description Kind of failure. */
                failure?: string | null;
                /**
                 * @description Id.
                 * @example att_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description `work` or `verify`. */
                kind: string;
                /**
                 * Format: int64
                 * @description Length of its log in bytes.
                 */
                log_bytes: number;
                /** @description Whether the bytes of its log are gone, by the rules of retention. */
                log_gone?: boolean;
                /**
                 * Format: int32
                 * @description Counts the tries.
                 */
                number: number;
                /** @description Last reported phase. */
                phase: string;
                /** @description Earlier work that it went on from. */
                prior?: string | null;
                /** @description `live`, `lost`, `superseded`, `succeeded`, `failed`, `cancelled` or `asked`. */
                state: string;
                /** @description Task. */
                task: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_AuditEntry: {
            /** @description The items. */
            items: {
                /** @description What, such as `task.cancel`. */
                action: string;
                /** @description Who: role and token id. */
                actor: string;
                /** @description When (RFC 3339). */
                at: string;
                /** @description Org; absent for what concerns the whole lab. */
                org?: string | null;
                /** @description Request id, as in the server's log. */
                request_id: string;
                /**
                 * Format: int64
                 * @description Place in the log.
                 */
                seq: number;
                /** @description Id of what it was done to. */
                target: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Candidate: {
            /** @description The items. */
            items: {
                /** @description Head of the target that it was built on. */
                base?: string | null;
                /** @description Id. */
                id: string;
                /** @description `building`, `verifying`, `publishing`, `published` or `rejected`. */
                state: string;
                /** @description Branch that it goes into. */
                target: string;
                /** @description Tasks, in the order of their merges. */
                tasks: string[];
                /** @description Tip of its merges. */
                tip?: string | null;
                /** @description Tree of the tip. */
                tree?: string | null;
                /**
                 * Format: int32
                 * @description Verify attempts made.
                 */
                verify_attempts: number;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Cluster: {
            /** @description The items. */
            items: {
                /**
                 * Format: int32
                 * @description Agents that run there now.
                 */
                agents: number;
                /**
                 * Format: int32
                 * @description Agents that it is meant to run.
                 */
                capacity: number;
                /** @description Isolation that its agents get: `process` is policy, not protection. */
                isolation: string;
                /** @description Name. */
                name: string;
                /** @description Runtime, such as `local`. */
                runtime: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Commit: {
            /** @description The items. */
            items: {
                /** @description When (RFC 3339). */
                at: string;
                /** @description Author's name. */
                author: string;
                /** @description Id. */
                id: string;
                /** @description Parents. */
                parents: string[];
                /** @description First line of the message. */
                subject: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Conflict: {
            /** @description The items. */
            items: {
                /** @description The older one. */
                first: components["schemas"]["ConflictSide"];
                /** @description How it is known. */
                kind: components["schemas"]["ConflictKind"];
                /**
                 * @description Files and folders that both touch, the narrower where one names what is below the other; at
                 *     most 16.
                 */
                paths: string[];
                /** @description The other. */
                second: components["schemas"]["ConflictSide"];
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Edge: {
            /** @description The items. */
            items: {
                /** @description What it waits for. */
                depends_on: string;
                /** @description What waits. */
                task: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Event: {
            /** @description The items. */
            items: {
                /**
                 * Format: date-time
                 * @description When.
                 */
                at: string;
                /** @description Attempt it concerns. */
                attempt?: string | null;
                /** @description Particulars. For `task.state`: `from`, `to`, `cause`. */
                data: unknown;
                /** @description What, such as `task.state`. */
                kind: string;
                /** @description Org. */
                org: string;
                /** @description Project it concerns. */
                project?: string | null;
                /**
                 * Format: int64
                 * @description Place in the stream: strictly increasing, with gaps.
                 */
                seq: number;
                /** @description Task it concerns. */
                task?: string | null;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Org: {
            /** @description The items. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /**
                 * @description Id.
                 * @example org_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description Name. */
                name: string;
                /**
                 * @description How long logs, artifacts and refs of attempts stay after the end of their goal, such as `90d`
                 *     or `forever`; absent: as the lab says.
                 */
                retention?: string | null;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Patch: {
            /** @description The items. */
            items: {
                /**
                 * Format: int32
                 * @description Lines added.
                 */
                added: number;
                /** @description Commit that its change is measured from. */
                base: string;
                /**
                 * Format: int32
                 * @description How long the discussion is; in a single read only.
                 */
                comment_count?: number | null;
                /**
                 * @description The newest 50 of the discussion, oldest of them first; in a single read only. All of it:
                 *     `GET /patches/{id}/comments`.
                 */
                comments?: components["schemas"]["PatchComment"][];
                /**
                 * Format: date-time
                 * @description When it was opened.
                 */
                created_at: string;
                /** @description What it does and why. */
                description: string;
                /**
                 * Format: int32
                 * @description Files changed.
                 */
                files: number;
                /** @description Its commit. */
                head: string;
                /**
                 * @description Id.
                 * @example patch_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description Org. */
                org: string;
                /** @description Project. */
                project: string;
                /**
                 * Format: int32
                 * @description Lines removed.
                 */
                removed: number;
                /** @description `open`, `merged` or `closed`. */
                state: string;
                /** @description Branch that it goes into. */
                target: string;
                /** @description Task whose result it is. */
                task: string;
                /** @description One line. */
                title: string;
                /**
                 * Format: date-time
                 * @description When it last changed.
                 */
                updated_at: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_PatchComment: {
            /** @description The items. */
            items: {
                /**
                 * Format: date-time
                 * @description When.
                 */
                at: string;
                /** @description Who. */
                author: string;
                /** @description The words. */
                body: string;
                /** @description The head it speaks of. */
                head: string;
                /**
                 * Format: int32
                 * @description Place in the discussion.
                 */
                number: number;
                /** @description `accept` or `reject`, if it is a review. */
                verdict?: string | null;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Peer: {
            /** @description The items. */
            items: {
                /** @description Id: of its data folder. */
                id: string;
                /** @description Name of its machine. */
                name: string;
                /**
                 * Format: int64
                 * @description How many repositories it has; for global tokens.
                 */
                projects?: number | null;
                /** @description What it does: `api`, `loops`, `git`, `dashboard`. */
                roles: string[];
                /**
                 * Format: date-time
                 * @description When it started.
                 */
                started_at: string;
                /** @description Whether it was heard of lately. */
                there: boolean;
                /** @description Whether it is the one that answers. */
                this: boolean;
                /** @description Where the other servers reach it; for global tokens. */
                url?: string | null;
                /** @description Its version. */
                version: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_PlanRevision: {
            /** @description The items. */
            items: {
                decision?: components["schemas"]["PlanDecision"] | null;
                /**
                 * Format: int32
                 * @description From 1, without gaps.
                 */
                number: number;
                /** @description Where it comes from. */
                origin: components["schemas"]["PlanOrigin"];
                /**
                 * Format: int32
                 * @description The revision that was current when it was proposed. Only while that one still is can this
                 *     one become current.
                 */
                parent?: number | null;
                /**
                 * Format: date-time
                 * @description When.
                 */
                proposed_at: string;
                /** @description Who proposed it. */
                proposed_by: string;
                /** @description `proposed`, `current`, `superseded` or `rejected`. */
                state: string;
                /** @description The composite. */
                task: string;
                /**
                 * Format: int32
                 * @description How many tasks it has, at every depth.
                 */
                task_count: number;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Project: {
            /** @description The items. */
            items: {
                /** @description Whether it takes no new goals. */
                archived: boolean;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description Branch that goals go into, such as `main`. */
                default_branch: string;
                /**
                 * @description Path of its repository below this server's address, for git over HTTP.
                 * @example /git/default/parser.git
                 */
                git_path: string;
                /** @description Head of that branch; absent while the repository is empty. */
                head?: string | null;
                /** @description The server that has its repository. */
                home?: string | null;
                /**
                 * @description Id.
                 * @example proj_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description The server that its repository is on its way to. */
                moving_to?: string | null;
                /** @description Name. */
                name: string;
                /** @description Its org. */
                org: string;
                /** @description Where people work on it, as they wrote it. */
                upstream?: string | null;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Receipt: {
            /** @description The items. */
            items: {
                /** @description Agent that ran it: the verifier. */
                agent: string;
                /**
                 * Format: date-time
                 * @description When.
                 */
                at: string;
                /** @description Attempt that ran it. */
                attempt: string;
                /** @description Candidate that it was run for. */
                candidate?: string | null;
                /** @description Name of the check. */
                check: string;
                /** @description Identity of the check. */
                check_hash: string;
                /** @description Identity of the set it was part of. */
                check_set: string;
                /** @description Its command. */
                command: string;
                /** @description Commit that was checked out. */
                commit: string;
                /**
                 * Format: int64
                 * @description Duration in milliseconds.
                 */
                duration_ms: number;
                /**
                 * Format: int32
                 * @description Exit code.
                 */
                exit_code: number;
                /** @description Id. */
                id: string;
                /** @description Isolation in force. */
                isolation: string;
                /**
                 * @description Whether the log that has its output is gone, by the rules of retention: the receipt outlives
                 *     it.
                 */
                log_gone?: boolean;
                /**
                 * Format: int64
                 * @description Length of its output in bytes.
                 */
                log_len: number;
                /**
                 * Format: int64
                 * @description Where its output begins in the attempt's log.
                 */
                log_offset: number;
                /** @description Whether it passed. */
                passed: boolean;
                /** @description Task. */
                task: string;
                /** @description Its tree: what the proof is about. */
                tree: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Task: {
            /** @description The items. */
            items: {
                /** @description Hidden from lists. */
                archived: boolean;
                /**
                 * Format: int32
                 * @description Work attempts made.
                 */
                attempts: number;
                /** @description Hash of the check set it has to pass. */
                check_set?: string | null;
                choice?: components["schemas"]["ChoiceRole"] | null;
                /** @description The alternative that was taken. */
                chosen?: string | null;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description The goal that it serves. */
                goal_id: string;
                /** @description The adopted result. */
                head?: string | null;
                /** @description The task behind which it is held back: both touch the same paths, and policy says so. */
                held_by?: string | null;
                /**
                 * @description Id.
                 * @example task_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description `leaf` or `composite`. */
                kind: string;
                /** @description Labels that an agent needs. */
                labels: string[];
                /** @description The attempt that works on it now. */
                live_attempt?: string | null;
                /**
                 * Format: date-time
                 * @description When it may be claimed again, if it backs off.
                 */
                not_before?: string | null;
                /**
                 * Format: int32
                 * @description Children that are neither done nor cancelled.
                 */
                open_children: number;
                /** @description Org. */
                org: string;
                /** @description Parent. */
                parent?: string | null;
                /**
                 * Format: int32
                 * @description Longest remaining path, in tasks.
                 */
                path: number;
                /**
                 * Format: int32
                 * @description Higher is earlier.
                 */
                priority: number;
                /** @description Project. */
                project?: string | null;
                /** @description `open`, `proven` or `unproven`. */
                proof: string;
                /** @description The merge commit in the target. */
                published?: string | null;
                question?: components["schemas"]["Ask"] | null;
                /** @description Whether a person reviews the result. */
                review: boolean;
                /**
                 * @description State: `draft`, `blocked`, `ready`, `running`, `integrating`, `waiting`, `done`, `failed`
                 *     or `cancelled`.
                 */
                state: string;
                /** @description One line. */
                title: string;
                /** @description How often each kind of failure sent it back. */
                tries: Record<string, never>;
                /**
                 * Format: int32
                 * @description Dependencies that are not done.
                 */
                unmet: number;
                /**
                 * Format: date-time
                 * @description When its state last changed.
                 */
                updated_at: string;
                /** @description What it waits for, if it is `waiting`. */
                waiting_for?: string | null;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Template: {
            /** @description The items. */
            items: {
                /** @description Who made it. */
                by: string;
                /** @description When. */
                created_at: string;
                cron?: components["schemas"]["CronTrigger"] | null;
                /** @description Whether anything starts it. */
                enabled: boolean;
                hook?: components["schemas"]["HookTrigger"] | null;
                /** @description Path that the forge posts to. */
                hook_path?: string | null;
                /** @description Id. */
                id: string;
                /** @description Name. */
                name: string;
                /** @description When its times start it next. */
                next_at?: string | null;
                /** @description Org. */
                org: string;
                /** @description Project of its goals. */
                project?: string | null;
                /** @description The newest starts, newest first; in a single read only. */
                starts?: components["schemas"]["Start"][];
                /** @description Title of its goals, with the places to be filled. */
                title: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_Token: {
            /** @description The items. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When it stops working.
                 */
                expires_at?: string | null;
                /**
                 * @description Id.
                 * @example tok_01jd3v6p5x8e9rk2m4n6q8t0vw
                 */
                id: string;
                /** @description What it is for. */
                note: string;
                /** @description Org; absent for a global one. */
                org?: string | null;
                /**
                 * Format: date-time
                 * @description When it was revoked.
                 */
                revoked_at?: string | null;
                /** @description `admin`, `operator`, `viewer`, `agent` or `metrics`. */
                role: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description A page of a list. */
        List_TrainPlace: {
            /** @description The items. */
            items: {
                /** @description The candidate that it is part of at the moment. */
                candidate?: string | null;
                /**
                 * @description State of that candidate: `building`, `verifying` or `publishing`. Absent while the result waits
                 *     for its turn.
                 */
                candidate_state?: string | null;
                /** @description The composite whose branch that is. Absent for a branch of the project. */
                composite?: string | null;
                /** @description Its title. */
                composite_title?: string | null;
                /**
                 * Format: int32
                 * @description How many results are in this train; at most 1,000 are counted.
                 */
                of: number;
                /**
                 * Format: int32
                 * @description Its place, from 1, which is merged first.
                 */
                place: number;
                /** @description Its state: `integrating`. */
                state: string;
                /** @description Branch that the train leads into. */
                target: string;
                /** @description The task whose result it is. */
                task: string;
                /** @description Its title. */
                title: string;
                /**
                 * Format: date-time
                 * @description When the state of the task last changed.
                 */
                updated_at: string;
            }[];
            /** @description Where the next page begins: pass it as `cursor`. Absent on the last page. */
            next?: string | null;
        };
        /** @description Answer to a log chunk. */
        Logged: {
            /**
             * Format: int64
             * @description Length of the log now: where the next chunk belongs.
             */
            len: number;
        };
        /** @description Exchanges the one-time code of a login link for a token. */
        Login: {
            /** @description The code in the link. */
            code: string;
        };
        /** @description Who a task was made for, and through what. When is its `created_at`. */
        Made: {
            /**
             * @description Who asked for it, as role and token; `devlab` if nobody did.
             * @example operator:tok_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            by: string;
            through?: components["schemas"]["Through"] | null;
        };
        /** @description Something that was said to an attempt while it ran. */
        Message: {
            /** @description The attempt. */
            attempt: string;
            /** @description Who. */
            by: string;
            /** @description What they said. */
            message: string;
            /**
             * Format: int32
             * @description From 1 for each attempt, without gaps.
             */
            number: number;
        };
        /** @description Moves a project's repository to another server. */
        MoveProject: {
            /**
             * @description The server that has the repository now will not come back: what the other one has of it, from
             *     an earlier move, has to do. Refused if that lacks a commit that the lab has accepted.
             */
            lost?: boolean;
            /** @description Id of the server, or the name of its machine. */
            to: string;
        };
        /** @description A receipt, as the agent reports it. */
        NewReceipt: {
            /** @description Name of the check. */
            check: string;
            /**
             * Format: int64
             * @description Duration in milliseconds.
             */
            duration_ms: number;
            /**
             * Format: int32
             * @description Exit code; 128 + signal; 124 after the time limit.
             */
            exit_code: number;
            /** @description Isolation in force. */
            isolation: string;
            /**
             * Format: int64
             * @description Length of its output in bytes.
             */
            log_len: number;
            /**
             * Format: int64
             * @description Where its output begins in the attempt's log.
             */
            log_offset: number;
            /** @description End of its output, if it failed; at most 16 KiB. */
            log_tail?: string;
            /** @description Tree that was checked out. */
            tree: string;
        };
        /** @description A schedule, and the secret of its webhook. */
        NewTemplate: {
            /** @description The schedule. */
            schedule: components["schemas"]["Template"];
            /** @description The webhook's secret: shown this once. */
            secret?: string | null;
        };
        /** @description A new token. The secret is shown this once. */
        NewToken: {
            /** @description Its secret, for `Authorization: Bearer`. */
            secret: string;
            /** @description The token. */
            token: components["schemas"]["Token"];
        };
        /**
         * @description What becomes of work under way on a task that a revision removes or changes.
         * @enum {string}
         */
        OnRunning: "cancel" | "finish";
        /** @description An org. */
        Org: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * @description Id.
             * @example org_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description Name. */
            name: string;
            /**
             * @description How long logs, artifacts and refs of attempts stay after the end of their goal, such as `90d`
             *     or `forever`; absent: as the lab says.
             */
            retention?: string | null;
        };
        /** @description A public key of an org. */
        OrgKey: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description An ed25519 key, as 64 hexadecimal digits. */
            key: string;
            /** @description What envelopes call it: the SHA-256 of its bytes. */
            keyid: string;
            /**
             * Format: int32
             * @description From 1, without gaps.
             */
            number: number;
            /** @description What the key before says of it, as a DSSE envelope; absent for a first one. */
            rotation?: Record<string, never> | null;
        };
        /** @description The public keys of an org. */
        OrgKeys: {
            /** @description All of them, oldest first. The last one signs. */
            keys: components["schemas"]["OrgKey"][];
            /** @description Org. */
            org: string;
            /** @description The first one that this lab has made, as 64 hexadecimal digits: what a verifier has to know. */
            root: string;
        };
        /** @description What happens in an org. */
        OrgState: {
            /** @description Agents, newest first, the first 100. */
            agents: components["schemas"]["Agent"][];
            /** @description Goals, newest first, the first 10. */
            goals: components["schemas"]["Task"][];
            /** @description The org. */
            org: components["schemas"]["Org"];
            /**
             * Format: int64
             * @description How many attempts could be claimed now, if there were agents for them.
             */
            queued: number;
            /** @description How many tasks are in each state, archived ones left out. Every state is there. */
            tasks: {
                [key: string]: number;
            };
        };
        /** @description A reviewable change. */
        Patch: {
            /**
             * Format: int32
             * @description Lines added.
             */
            added: number;
            /** @description Commit that its change is measured from. */
            base: string;
            /**
             * Format: int32
             * @description How long the discussion is; in a single read only.
             */
            comment_count?: number | null;
            /**
             * @description The newest 50 of the discussion, oldest of them first; in a single read only. All of it:
             *     `GET /patches/{id}/comments`.
             */
            comments?: components["schemas"]["PatchComment"][];
            /**
             * Format: date-time
             * @description When it was opened.
             */
            created_at: string;
            /** @description What it does and why. */
            description: string;
            /**
             * Format: int32
             * @description Files changed.
             */
            files: number;
            /** @description Its commit. */
            head: string;
            /**
             * @description Id.
             * @example patch_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description Org. */
            org: string;
            /** @description Project. */
            project: string;
            /**
             * Format: int32
             * @description Lines removed.
             */
            removed: number;
            /** @description `open`, `merged` or `closed`. */
            state: string;
            /** @description Branch that it goes into. */
            target: string;
            /** @description Task whose result it is. */
            task: string;
            /** @description One line. */
            title: string;
            /**
             * Format: date-time
             * @description When it last changed.
             */
            updated_at: string;
        };
        /** @description A remark, or a review. */
        PatchComment: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who. */
            author: string;
            /** @description The words. */
            body: string;
            /** @description The head it speaks of. */
            head: string;
            /**
             * Format: int32
             * @description Place in the discussion.
             */
            number: number;
            /** @description `accept` or `reject`, if it is a review. */
            verdict?: string | null;
        };
        /** @description A server of the lab. */
        Peer: {
            /** @description Id: of its data folder. */
            id: string;
            /** @description Name of its machine. */
            name: string;
            /**
             * Format: int64
             * @description How many repositories it has; for global tokens.
             */
            projects?: number | null;
            /** @description What it does: `api`, `loops`, `git`, `dashboard`. */
            roles: string[];
            /**
             * Format: date-time
             * @description When it started.
             */
            started_at: string;
            /** @description Whether it was heard of lately. */
            there: boolean;
            /** @description Whether it is the one that answers. */
            this: boolean;
            /** @description Where the other servers reach it; for global tokens. */
            url?: string | null;
            /** @description Its version. */
            version: string;
        };
        /** @description What was decided about a revision. */
        PlanDecision: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who. */
            by: string;
            /** @description Why. */
            why?: string;
        };
        /** @description A revision with its plan. */
        PlanDetail: components["schemas"]["PlanRevision"] & {
            /** @description Checks of the composite, besides the project's. */
            checks?: components["schemas"]["Check"][];
            driver?: components["schemas"]["Driver"] | null;
            /** @description What is wanted of it, in words. */
            goal: string;
            /** @description Labels that an agent needs for what is generated for the composite. */
            labels?: string[];
            /** @description Files and folders that the composite says it will touch. */
            paths?: string[];
            /**
             * Format: int32
             * @description Higher is earlier.
             */
            priority?: number;
            /** @description Whether a person reviews its result; absent leaves it to the default. */
            review?: boolean | null;
            /** @description Its tasks. What each needs is in `depends_on`. */
            tasks: components["schemas"]["PlannedTask"][];
            /** @description Title of the composite. */
            title: string;
            /** @description What a person should know before approving it. */
            warnings?: components["schemas"]["PlanProblem"][];
        };
        /** @description What two revisions differ in. */
        PlanDiff: {
            /** @description Fields of the composite itself that differ. */
            fields: string[];
            /**
             * Format: int32
             * @description The older revision; absent compares with nothing.
             */
            from?: number | null;
            /** @description The composite. */
            task: string;
            /** @description Every task of both: those of the newer one in its order, then the removed ones. */
            tasks: components["schemas"]["PlanTaskDiff"][];
            /**
             * Format: int32
             * @description The newer one.
             */
            to: number;
        };
        /** @description What a plan is made of. Exactly one member is given. */
        PlanInput: {
            /** @description One task. */
            single: components["schemas"]["SingleInput"];
        } | {
            /** @description A plan file. */
            file: components["schemas"]["FileInput"];
        } | {
            /** @description A Spec-Kit feature in the project's repository. */
            spec_kit: components["schemas"]["SpecKitInput"];
        };
        /** @description Where a plan comes from. */
        PlanOrigin: {
            /** @description Commit that the input was read at. */
            commit?: string | null;
            /** @description Hash of the input. Ticked boxes of a Spec-Kit feature do not change it. */
            input: string;
            /** @description What made it: `single`, `file` or `spec_kit`. */
            planner: string;
            /** @description Of which input: a file's name, or a folder in the project's repository. */
            source: string;
            /** @description Whether stories of a Spec-Kit feature run one after the other. */
            stories_in_turn?: boolean;
            /** @description Why it was proposed. */
            why?: string;
        };
        /** @description What is wrong with an input, or worth knowing about it, and where. */
        PlanProblem: {
            /** @description Path of the value, such as `tasks[3].depends_on[0]`. */
            at?: string;
            /** @description The file; empty for a request. */
            file: string;
            /**
             * Format: int32
             * @description Line in it, from 1.
             */
            line?: number | null;
            /** @description What it is. */
            message: string;
        };
        /** @description A revision of a composite's plan. */
        PlanRevision: {
            decision?: components["schemas"]["PlanDecision"] | null;
            /**
             * Format: int32
             * @description From 1, without gaps.
             */
            number: number;
            /** @description Where it comes from. */
            origin: components["schemas"]["PlanOrigin"];
            /**
             * Format: int32
             * @description The revision that was current when it was proposed. Only while that one still is can this
             *     one become current.
             */
            parent?: number | null;
            /**
             * Format: date-time
             * @description When.
             */
            proposed_at: string;
            /** @description Who proposed it. */
            proposed_by: string;
            /** @description `proposed`, `current`, `superseded` or `rejected`. */
            state: string;
            /** @description The composite. */
            task: string;
            /**
             * Format: int32
             * @description How many tasks it has, at every depth.
             */
            task_count: number;
        };
        /** @description A task in a difference. */
        PlanTaskDiff: {
            /** @description `kept`, `added`, `removed` or `changed`. */
            change: string;
            /** @description Fields that differ, if it is changed; `tasks` means what is below it. */
            fields?: string[];
            /** @description Its key: in the newer revision, or, for a removed one, in the older. */
            key: string;
            /** @description Keys of what it needed before and does not now. */
            needs_less?: string[];
            /** @description Keys of what it needs now and did not before. */
            needs_more?: string[];
            /** @description Differences below it. */
            tasks?: components["schemas"]["PlanTaskDiff"][];
            /** @description Its title. */
            title: string;
            /** @description Its key in the older revision, if that is another. */
            was?: string | null;
        };
        /** @description One of several ways to do a planned task. What it leaves out is the task's own. */
        PlannedAlternative: {
            driver?: components["schemas"]["Driver"] | null;
            /** @description Labels that an agent needs. */
            labels?: string[] | null;
            /** @description The task that it was made into, once the revision was current. */
            task?: string | null;
            /** @description One line. */
            title?: string | null;
        };
        /** @description A goal with its first plan. */
        PlannedGoal: {
            /** @description The goal. */
            goal: components["schemas"]["Task"];
            /** @description The plan. */
            plan: components["schemas"]["PlanDetail"];
        };
        /** @description A task of a plan. */
        PlannedTask: {
            /** @description Ways to do it, of which one is taken. */
            alternatives?: components["schemas"]["PlannedAlternative"][];
            /** @description Checks besides the project's. */
            checks?: components["schemas"]["Check"][];
            /** @description Keys of siblings that have to be done first: the edges of the graph. */
            depends_on?: string[];
            /** @description Whether the input says that it was done before: it is not executed, and nothing below it is. */
            done: boolean;
            driver?: components["schemas"]["Driver"] | null;
            /** @description What is wanted, in words. */
            goal: string;
            /** @description The part of the plan that it stands in, such as a phase's heading. */
            group?: string | null;
            /** @description Name among its siblings. */
            key: string;
            /** @description Labels that an agent needs. */
            labels?: string[];
            /**
             * Format: int32
             * @description Line of the input that it comes from.
             */
            line?: number | null;
            /** @description Files and folders that it will touch. */
            paths?: string[];
            /**
             * Format: int32
             * @description Higher is earlier.
             */
            priority: number;
            /** @description Whether a person reviews the result. */
            review: boolean;
            /** @description Whether it does things outside that must not be repeated. */
            side_effects: boolean;
            /** @description The task that it was made into, once the revision was current. */
            task?: string | null;
            /** @description Children; a task with children is a composite. */
            tasks?: components["schemas"]["PlannedTask"][];
            /** @description One line. */
            title: string;
        };
        /** @description What a level says. What is left out is left to the less specific levels. */
        Policy: {
            /**
             * @description What a person has to approve.
             * @default {}
             */
            approvals: components["schemas"]["PolicyApprovals"];
            /**
             * @description `person` or `first`: who chooses among the alternatives of a task that passed.
             * @default null
             */
            choose: string | null;
            /**
             * @description What runs at one time. Limits of all levels hold together.
             * @default {}
             */
            concurrency: components["schemas"]["PolicyConcurrency"];
            /**
             * @description `show` or `hold`: whether a task that touches what another one is at work on starts all the
             *     same, or is held back until that one is at work no longer.
             * @default null
             */
            conflicts: string | null;
            /**
             * @description What is tried again by itself, by what failed.
             * @default {}
             */
            retries: components["schemas"]["PolicyRetries"];
            /**
             * @description Which results a person reviews: those that are `asked` for, those of `goals` too, or `all`.
             *     A request can ask for more than this says, not for less.
             * @default null
             */
            reviews: string | null;
            /**
             * @description What becomes of work under way on a task that another revision of a plan removes or changes:
             *     `cancel` or `finish`.
             * @default null
             */
            running: string | null;
            /**
             * Format: int32
             * @description An org's weight among those that share slots of a runtime. Only global admins set it.
             * @default null
             */
            share: number | null;
            /**
             * @description How long things may take. A task's or check's own limit counts if it is shorter.
             * @default {}
             */
            time_limits: components["schemas"]["PolicyTimeLimits"];
            /**
             * @description `any` or `other`: whether the checks of whoever made a result may let it in, or only those of
             *     another agent.
             * @default null
             */
            verifier: string | null;
        };
        /** @description What a person has to approve. */
        PolicyApprovals: {
            /**
             * @description Goals, before anything of them starts. `true`: those that are scheduled with their tasks as
             *     well; `false`: not even those that are planned. Default: those that are planned.
             * @default null
             */
            plan: boolean | null;
            /**
             * @description Results of goals, before they are published.
             * @default null
             */
            publication: boolean | null;
            /**
             * @description Tasks that need all labels of one of these sets, before they start.
             * @default null
             */
            tasks: string[][] | null;
        };
        /** @description What runs at one time at the level that says so. 0 lets nothing run. */
        PolicyConcurrency: {
            /**
             * @description Attempts at tasks that need a label.
             * @default {}
             */
            labels: {
                [key: string]: number;
            };
            /**
             * @description Attempts in a runtime, such as `local`; only an org's policy has these.
             * @default {}
             */
            runtimes: {
                [key: string]: number;
            };
            /**
             * Format: int32
             * @description Attempts in all.
             * @default null
             */
            total: number | null;
        };
        /** @description A field of what is in force. */
        PolicyField: {
            /** @description `default`, `org`, `project` or `goal`. */
            from: string;
            /** @description Its path, such as `retries.check.most`. */
            name: string;
            /**
             * Format: int32
             * @description Number of the policy that says so.
             */
            number?: number | null;
            /** @description Its value; null where nobody says anything and there is no one default. */
            value: unknown;
        };
        /** @description A level: an org, a project or a goal. */
        PolicyLevel: {
            /** @description Its id. */
            id: string;
            /** @description `org`, `project` or `goal`. */
            kind: string;
            /** @description Its name, or the goal's title. */
            name: string;
        };
        /** @description A limit of concurrency. */
        PolicyLimit: {
            /** @description `org`, `project`, `goal`, or `runtime`. */
            from: string;
            /**
             * Format: int32
             * @description How many there may be.
             */
            most: number;
            /** @description Label that tasks need to count, or the name of the runtime; absent counts all. */
            of?: string | null;
            /**
             * Format: int32
             * @description Attempts that count under it now.
             */
            used: number;
        };
        /** @description What is tried again by itself, by what failed. */
        PolicyRetries: {
            /**
             * @description A check of the task's own result failed.
             * @default {}
             */
            check: components["schemas"]["PolicyRetryRule"];
            /**
             * @description The target does not take the result: it conflicts, or a check fails there.
             * @default {}
             */
            conflict: components["schemas"]["PolicyRetryRule"];
            /**
             * @description The driver failed.
             * @default {}
             */
            driver: components["schemas"]["PolicyRetryRule"];
            /**
             * @description The agent was lost.
             * @default {}
             */
            lost: components["schemas"]["PolicyRetryRule"];
        };
        /** @description How often and after which pauses something is tried again. */
        PolicyRetryRule: {
            /**
             * Format: int32
             * @description First pause in milliseconds; doubles each time.
             * @default null
             */
            first_ms: number | null;
            /**
             * Format: int32
             * @description Longest pause in milliseconds, up to an hour.
             * @default null
             */
            longest_ms: number | null;
            /**
             * Format: int32
             * @description At most this often, up to 100; then a person has to look.
             * @default null
             */
            most: number | null;
        };
        /** @description A policy as somebody set it. */
        PolicyRevision: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Who set it. */
            by: string;
            /**
             * Format: int32
             * @description From 1, without gaps, for each level.
             */
            number: number;
            /** @description What it says. */
            policy: components["schemas"]["Policy"];
            /** @description Why. */
            why?: string;
        };
        /** @description How long things may take. */
        PolicyTimeLimits: {
            /**
             * Format: int32
             * @description A check, in seconds.
             * @default null
             */
            check_secs: number | null;
            /**
             * Format: int32
             * @description A driver, in seconds.
             * @default null
             */
            driver_secs: number | null;
        };
        /** @description The policy of a level, and what is in force there. */
        PolicyView: {
            /** @description Policies that it had before, newest first. */
            before: components["schemas"]["PolicyRevision"][];
            /** @description Every field with the value that counts for what is made there, and which level says it. */
            fields: components["schemas"]["PolicyField"][];
            /** @description The level. */
            level: components["schemas"]["PolicyLevel"];
            /** @description The limits of concurrency that count there, and how much runs under each now. */
            limits: components["schemas"]["PolicyLimit"][];
            own?: components["schemas"]["PolicyRevision"] | null;
        };
        /** @description An error, as RFC 9457 describes it, with a stable code. */
        Problem: {
            /** @description Stable, machine-readable code, such as `stale_attempt`. */
            code: string;
            /** @description What is wrong this time. */
            detail: string;
            /**
             * Format: int64
             * @description Offset at which the log goes on, for `log_gap`.
             */
            expected_offset?: number | null;
            /** @description Where in the request the problem is, for `invalid`. */
            field?: string | null;
            /** @description What the caller can do about it. */
            help: string;
            /** @description Everything that is wrong with the input of a plan, with its place, for `plan_invalid`. */
            problems?: components["schemas"]["PlanProblem"][];
            /** @description Id of the request, as in the server's log and in the `x-request-id` header. */
            request_id: string;
            /**
             * Format: int32
             * @description HTTP status.
             */
            status: number;
            /** @description What the kind of problem is, in words. */
            title: string;
            /** @description A URI reference for the kind of problem: `/docs#problem-<code>`. */
            type: string;
        };
        /** @description A project. */
        Project: {
            /** @description Whether it takes no new goals. */
            archived: boolean;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description Branch that goals go into, such as `main`. */
            default_branch: string;
            /**
             * @description Path of its repository below this server's address, for git over HTTP.
             * @example /git/default/parser.git
             */
            git_path: string;
            /** @description Head of that branch; absent while the repository is empty. */
            head?: string | null;
            /** @description The server that has its repository. */
            home?: string | null;
            /**
             * @description Id.
             * @example proj_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description The server that its repository is on its way to. */
            moving_to?: string | null;
            /** @description Name. */
            name: string;
            /** @description Its org. */
            org: string;
            /** @description Where people work on it, as they wrote it. */
            upstream?: string | null;
        };
        /** @description What `.devlab/project.toml` on the default branch says now. */
        ProjectSettings: {
            /** @description Patterns of files that are kept of what drivers leave. */
            artifacts?: string[];
            /** @description Checks in the order they run. */
            checks: components["schemas"]["Check"][];
            /** @description Labels that an agent needs. */
            labels: string[];
            /** @description Path prefixes whose change needs review. */
            protected_paths: string[];
            /** @description Prepares a checkout. */
            setup?: string | null;
        };
        /** @description Proposes another plan for a composite. */
        ProposePlan: {
            /** @description Whether it becomes current at once. */
            approve?: boolean;
            /** @description What it is planned from. */
            input: components["schemas"]["PlanInput"];
            /**
             * Format: int32
             * @description The revision that is current, as the caller knows it; absent if none is.
             */
            parent?: number | null;
            running?: components["schemas"]["OnRunning"] | null;
            /** @description Why it is wanted. */
            why?: string;
        };
        /** @description What a driver asks a person. It is what a driver writes, too. */
        Question: {
            /** @description Answers to choose from, at most 16 of at most 1 KiB; a permission without any has yes and no. */
            choices?: string[];
            /** @description `question` wants an answer, `permission` a yes or a no. Default `question`. */
            kind?: string;
            /** @description In words; at most 16 KiB. */
            text: string;
        };
        /** @description Proof that a check ran on a tree. */
        Receipt: {
            /** @description Agent that ran it: the verifier. */
            agent: string;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Attempt that ran it. */
            attempt: string;
            /** @description Candidate that it was run for. */
            candidate?: string | null;
            /** @description Name of the check. */
            check: string;
            /** @description Identity of the check. */
            check_hash: string;
            /** @description Identity of the set it was part of. */
            check_set: string;
            /** @description Its command. */
            command: string;
            /** @description Commit that was checked out. */
            commit: string;
            /**
             * Format: int64
             * @description Duration in milliseconds.
             */
            duration_ms: number;
            /**
             * Format: int32
             * @description Exit code.
             */
            exit_code: number;
            /** @description Id. */
            id: string;
            /** @description Isolation in force. */
            isolation: string;
            /**
             * @description Whether the log that has its output is gone, by the rules of retention: the receipt outlives
             *     it.
             */
            log_gone?: boolean;
            /**
             * Format: int64
             * @description Length of its output in bytes.
             */
            log_len: number;
            /**
             * Format: int64
             * @description Where its output begins in the attempt's log.
             */
            log_offset: number;
            /** @description Whether it passed. */
            passed: boolean;
            /** @description Task. */
            task: string;
            /** @description Its tree: what the proof is about. */
            tree: string;
        };
        /** @description Registers an agent, or tells that it has restarted: the name decides which it is. */
        RegisterAgent: {
            /**
             * Format: int32
             * @description Attempts that it takes at one time.
             */
            capacity: number;
            /** @description What it can do. */
            labels?: string[];
            /** @description Name, unique in the org. */
            name: string;
            /** @description Org, by id or name. May be left out by a caller that has just one. */
            org?: string | null;
            /** @description Runtime that it runs in. */
            runtime?: string;
        };
        /** @description Says no to a revision. */
        RejectPlan: {
            /** @description Why. */
            why?: string;
        };
        /** @description A repository, as an attempt sees it. */
        Repository: {
            /** @description Commit that the work starts from, or the commit to verify. */
            base: string;
            /** @description Ref that has `base`; fetch it. */
            base_ref: string;
            /** @description Candidate of a verify attempt. */
            candidate?: string | null;
            /** @description Hash of the check set. */
            check_set: string;
            /** @description Checks to run, in order. */
            checks: components["schemas"]["Check"][];
            /** @description Path below the server's address. */
            git_path: string;
            /** @description Token for git over HTTP (user `attempt`), good while the attempt lives. */
            git_token: string;
            /** @description A commit that becomes a second parent of the result, and is merged into the worktree. */
            merges?: string | null;
            /** @description Ref that has `merges`. */
            merges_ref?: string | null;
            /** @description Earlier work to merge into the worktree, conflict markers left in. */
            prior?: string | null;
            /** @description Ref that has `prior`. */
            prior_ref?: string | null;
            /** @description Project. */
            project: string;
            /** @description Where a work attempt pushes its result; the only ref it may push. */
            push_ref: string;
            /** @description Prepares a checkout, before the driver and before the checks. */
            setup?: string | null;
        };
        /** @description What was let go of. */
        Retired: {
            /**
             * Format: int64
             * @description Goals.
             */
            goals: number;
            /** @description What their attempts left. */
            held: components["schemas"]["Holdings"];
            /** @description `cursor` of the next call, if there may be more to do. */
            next?: string | null;
        };
        /** @description Schedules one task (`task`) or a graph (`title` and `tasks`). */
        Schedule: {
            /** @description The same with ways that differ. */
            alternatives?: components["schemas"]["Alternative"][] | null;
            /** @description Patterns of files that are kept of what the driver leaves, besides the project's. */
            artifacts?: string[];
            /**
             * Format: int32
             * @description Try a single task so many times at once, 2 to 8, and take one of the results.
             */
            best_of?: number | null;
            /** @description Checks of the goal, besides the project's. */
            checks?: components["schemas"]["Check"][];
            /** @description Goals of the same org that have to be done first. */
            depends_on?: string[];
            driver?: components["schemas"]["Driver"] | null;
            /** @description What the goal is, in words. */
            goal?: string | null;
            /** @description Labels that an agent needs for a single task. */
            labels?: string[];
            /** @description Org, by id or name. May be left out by a caller that has just one. */
            org?: string | null;
            /**
             * @description Files and folders that it will touch: what overlaps with other tasks is shown before it is
             *     done.
             */
            paths?: string[];
            /**
             * Format: int32
             * @description Higher is earlier.
             */
            priority?: number;
            /** @description Project, by id or name. */
            project?: string | null;
            /** @description Whether a person reviews the goal's result. Default: yes with a project. */
            review?: boolean | null;
            /** @description One task, in words: its first line becomes the title. */
            task?: string | null;
            /** @description The graph: children of the goal. */
            tasks?: components["schemas"]["GraphTask"][];
            /** @description Title of a graph's goal. */
            title?: string | null;
        };
        /** @description What was scheduled. */
        Scheduled: {
            /** @description The goal. */
            goal: string;
            /** @description Ids by key; keys of nested tasks are joined with `/`. */
            tasks: {
                [key: string]: string;
            };
        };
        /** @description Sets the policy of a level. */
        SetPolicy: {
            /**
             * Format: int32
             * @description Number of the policy that it takes the place of, as the caller knows it; 0 for none. Left
             *     out, it takes the place of any.
             */
            instead_of?: number | null;
            /** @description What it says from now on. An empty one says nothing. */
            policy: components["schemas"]["Policy"];
            /** @description Why. */
            why?: string;
        };
        /** @description One task as a plan. */
        SingleInput: {
            /** @description Checks besides the project's. */
            checks?: components["schemas"]["Check"][];
            driver?: components["schemas"]["Driver"] | null;
            /** @description What is wanted, in words. Default: the title. */
            goal?: string | null;
            /** @description Labels that an agent needs. */
            labels?: string[];
            /** @description One line. */
            title: string;
        };
        /** @description A Spec-Kit feature. */
        SpecKitInput: {
            /** @description Branch or commit to read it at. Default: the head of the project's default branch. */
            at?: string | null;
            driver?: components["schemas"]["Driver"] | null;
            /**
             * @description Its folder in the project's repository.
             * @example specs/001-login-page
             */
            folder: string;
            /**
             * @description Agents that have a driver of their own do its tasks, whatever the revision before says. Not
             *     beside `driver`.
             */
            no_driver?: boolean;
            /**
             * @description Whether stories that stand next to each other may run at the same time. Default: as the feature
             *     was read for the revision before, or else yes.
             */
            stories_in_parallel?: boolean | null;
        };
        /** @description One start of a schedule. */
        Start: {
            /** @description When it was noted. */
            at: string;
            /** @description The goal that was made. */
            goal?: string | null;
            /** @description What it is for: a time, a delivery, a wish. */
            key: string;
            /** @description Why there is no goal. Without both, it is not made yet. */
            reason?: string | null;
            /** @description What was filled in. */
            values: {
                [key: string]: string;
            };
        };
        /** @description What the store says of itself. */
        StoreInfo: {
            /** @description Names and values, read back from the database: `journal_mode`, `synchronous`, … */
            settings: {
                [key: string]: string;
            };
        };
        /** @description Brings commits of the upstream in. Push them first, to a branch or a tag: other refs are refused. */
        SyncProject: {
            /** @description The upstream's commit. */
            commit: string;
            /**
             * @description The branch that it was pushed to for this sync only, with a name that begins with `upstream/`.
             *     It is removed once the commit is taken over or refused, unless it has moved meanwhile. The
             *     command line pushes to `upstream/<branch>-<commit>-<random>`.
             */
            pushed_branch?: string | null;
        };
        /** @description What became of a sync. */
        SyncResult: {
            /** @description Head of the default branch now. */
            head: string;
            /** @description `up_to_date`, `fast_forwarded`, or `merging` (a task merges and verifies it). */
            outcome: string;
            /** @description The task that merges it, if it has to be merged. */
            task?: string | null;
        };
        /** @description A task. */
        Task: {
            /** @description Hidden from lists. */
            archived: boolean;
            /**
             * Format: int32
             * @description Work attempts made.
             */
            attempts: number;
            /** @description Hash of the check set it has to pass. */
            check_set?: string | null;
            choice?: components["schemas"]["ChoiceRole"] | null;
            /** @description The alternative that was taken. */
            chosen?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description The goal that it serves. */
            goal_id: string;
            /** @description The adopted result. */
            head?: string | null;
            /** @description The task behind which it is held back: both touch the same paths, and policy says so. */
            held_by?: string | null;
            /**
             * @description Id.
             * @example task_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description `leaf` or `composite`. */
            kind: string;
            /** @description Labels that an agent needs. */
            labels: string[];
            /** @description The attempt that works on it now. */
            live_attempt?: string | null;
            /**
             * Format: date-time
             * @description When it may be claimed again, if it backs off.
             */
            not_before?: string | null;
            /**
             * Format: int32
             * @description Children that are neither done nor cancelled.
             */
            open_children: number;
            /** @description Org. */
            org: string;
            /** @description Parent. */
            parent?: string | null;
            /**
             * Format: int32
             * @description Longest remaining path, in tasks.
             */
            path: number;
            /**
             * Format: int32
             * @description Higher is earlier.
             */
            priority: number;
            /** @description Project. */
            project?: string | null;
            /** @description `open`, `proven` or `unproven`. */
            proof: string;
            /** @description The merge commit in the target. */
            published?: string | null;
            question?: components["schemas"]["Ask"] | null;
            /** @description Whether a person reviews the result. */
            review: boolean;
            /**
             * @description State: `draft`, `blocked`, `ready`, `running`, `integrating`, `waiting`, `done`, `failed`
             *     or `cancelled`.
             */
            state: string;
            /** @description One line. */
            title: string;
            /** @description How often each kind of failure sent it back. */
            tries: Record<string, never>;
            /**
             * Format: int32
             * @description Dependencies that are not done.
             */
            unmet: number;
            /**
             * Format: date-time
             * @description When its state last changed.
             */
            updated_at: string;
            /** @description What it waits for, if it is `waiting`. */
            waiting_for?: string | null;
        };
        /** @description A task with alternatives, and what there is to choose from. */
        TaskChoice: {
            /** @description Its alternatives, in their order. */
            alternatives: components["schemas"]["ChoiceAlternative"][];
            /**
             * Format: date-time
             * @description When.
             */
            at?: string | null;
            /** @description Who took it; `checks` if it was the only one that passed, `policy` if it was the first. */
            by?: string | null;
            /** @description The alternative that was taken. */
            chosen?: string | null;
            /** @description Its state. */
            state: string;
            /** @description The task. */
            task: string;
            /** @description Its title. */
            title: string;
        };
        /** @description A task with everything that belongs to it alone. */
        TaskDetail: components["schemas"]["Task"] & {
            /** @description Patterns of the files that are kept of what its driver leaves. */
            artifacts?: string[];
            /** @description What was asked of people about it, and what they said, oldest first. */
            asks?: components["schemas"]["Ask"][];
            /** @description All checks that its result has to pass. */
            checks: components["schemas"]["Check"][];
            /** @description Other tasks with the same target that say that they will touch the same. */
            conflicts?: components["schemas"]["Conflict"][];
            /** @description What depends on it. */
            dependents: string[];
            /** @description What it depends on. */
            depends_on: string[];
            driver?: components["schemas"]["Driver"] | null;
            /** @description What the next attempt will be told of earlier ones. */
            feedback: Record<string, never>[];
            /** @description What is wanted, in words. */
            goal: string;
            made?: components["schemas"]["Made"] | null;
            /** @description Its patch. */
            patch?: string | null;
            /** @description Files and folders that it says it will touch. */
            paths?: string[];
            /** @description Why it does not move, if it does not: who or what it waits for. */
            stuck?: string | null;
            /** @description Branch that its result goes into. */
            target?: string | null;
        };
        /** @description Says something to whoever does a task. */
        TellTask: {
            /** @description The words. */
            message: string;
        };
        /** @description A schedule. */
        Template: {
            /** @description Who made it. */
            by: string;
            /** @description When. */
            created_at: string;
            cron?: components["schemas"]["CronTrigger"] | null;
            /** @description Whether anything starts it. */
            enabled: boolean;
            hook?: components["schemas"]["HookTrigger"] | null;
            /** @description Path that the forge posts to. */
            hook_path?: string | null;
            /** @description Id. */
            id: string;
            /** @description Name. */
            name: string;
            /** @description When its times start it next. */
            next_at?: string | null;
            /** @description Org. */
            org: string;
            /** @description Project of its goals. */
            project?: string | null;
            /** @description The newest starts, newest first; in a single read only. */
            starts?: components["schemas"]["Start"][];
            /** @description Title of its goals, with the places to be filled. */
            title: string;
        };
        /** @description What a task came through. */
        Through: {
            /** @enum {string} */
            kind: "plan";
            /**
             * Format: int32
             * @description Number of the revision.
             */
            revision: number;
            /** @description The composite whose plan it is. */
            task: string;
        } | {
            /** @enum {string} */
            kind: "schedule";
            /** @description Its name at that time. */
            name: string;
            /** @description The schedule, which may be gone. */
            schedule: string;
        } | {
            /** @enum {string} */
            kind: "result";
        };
        /** @description A token, without its secret. */
        Token: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it stops working.
             */
            expires_at?: string | null;
            /**
             * @description Id.
             * @example tok_01jd3v6p5x8e9rk2m4n6q8t0vw
             */
            id: string;
            /** @description What it is for. */
            note: string;
            /** @description Org; absent for a global one. */
            org?: string | null;
            /**
             * Format: date-time
             * @description When it was revoked.
             */
            revoked_at?: string | null;
            /** @description `admin`, `operator`, `viewer`, `agent` or `metrics`. */
            role: string;
        };
        /** @description The place of a result in the train of its target. */
        TrainPlace: {
            /** @description The candidate that it is part of at the moment. */
            candidate?: string | null;
            /**
             * @description State of that candidate: `building`, `verifying` or `publishing`. Absent while the result waits
             *     for its turn.
             */
            candidate_state?: string | null;
            /** @description The composite whose branch that is. Absent for a branch of the project. */
            composite?: string | null;
            /** @description Its title. */
            composite_title?: string | null;
            /**
             * Format: int32
             * @description How many results are in this train; at most 1,000 are counted.
             */
            of: number;
            /**
             * Format: int32
             * @description Its place, from 1, which is merged first.
             */
            place: number;
            /** @description Its state: `integrating`. */
            state: string;
            /** @description Branch that the train leads into. */
            target: string;
            /** @description The task whose result it is. */
            task: string;
            /** @description Its title. */
            title: string;
            /**
             * Format: date-time
             * @description When the state of the task last changed.
             */
            updated_at: string;
        };
        /** @description A heartbeat, or with `complete` the end of an attempt. */
        Update: {
            /** @description The attempt: the fence. */
            attempt: string;
            complete?: components["schemas"]["Completion"] | null;
            /** @description What the agent is doing. */
            phase?: string | null;
            /** @description The task. */
            task: string;
            /**
             * @description Paths that the work has changed so far, from the root of the project, if they are others than
             *     those that were told last; at most 1,000, of which the server keeps 64, or the folders that
             *     they are in. Of an attempt that ends they count if it delivers.
             */
            touched?: string[] | null;
        };
        /** @description Changes an org. What is left out stays. */
        UpdateOrg: {
            /**
             * @description How long logs, artifacts and refs of attempts stay after the end of their goal: days, such as
             *     `90d`, `forever`, or `default`, which is as the lab says.
             */
            retention?: string | null;
        };
        /** @description Changes a project. What is left out stays. */
        UpdateProject: {
            /** @description Whether it takes no new goals. */
            archived?: boolean | null;
            /** @description Where people work on it. */
            upstream?: string | null;
        };
        /**
         * @description Changes a task. What is left out stays. Words and commands can change only before work on it
         *     has started.
         */
        UpdateTask: {
            /** @description Dependencies to add. */
            add_depends_on?: string[];
            driver?: components["schemas"]["Driver"] | null;
            /** @description What is wanted, in words. */
            goal?: string | null;
            /**
             * Format: int32
             * @description Higher is earlier.
             */
            priority?: number | null;
            /** @description One line. */
            title?: string | null;
        };
        /** @description What is to change of a schedule. */
        UpdateTemplate: {
            /** @description Whether anything starts it. */
            enabled: boolean;
        };
        /** @description Answer to an update. */
        Updated: {
            /**
             * Format: int64
             * @description Length of the lease from now, in milliseconds; 0 after a completion.
             */
            lease_ms: number;
            /** @description State of the task now. */
            state: string;
        };
        /** @description Who the caller is. */
        WhoAmI: {
            /** @description Its org; absent for a global token. */
            org?: string | null;
            /** @description Name of that org. */
            org_name?: string | null;
            /** @description Its role. */
            role: string;
            /** @description Id of the token. */
            token: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "git.read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the org */
                org: string;
                /** @description Name of the project, with .git */
                repository: string;
                /** @description git's own */
                rest: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description git's own */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-git-upload-pack-advertisement": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "git.call": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the org */
                org: string;
                /** @description Name of the project, with .git */
                repository: string;
                /** @description git's own */
                rest: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-git-upload-pack-request": string;
            };
        };
        responses: {
            /** @description git's own */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-git-upload-pack-result": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Agent"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterAgent"];
            };
        };
        responses: {
            /** @description The agent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.control": {
        parameters: {
            query?: {
                /** @description Attempts that the agent holds, separated by commas. */
                held?: string;
                /**
                 * @description How many messages it has got for each of them, in their order; left out by an agent that
                 *     wants none.
                 */
                seen?: string;
                /** @description How long to wait for something to say, in seconds; at most 30. */
                wait_secs?: number;
            };
            header?: never;
            path: {
                /** @description The agent */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What to do */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Control"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.drain": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "agent.resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "artifact.content": {
        parameters: {
            query?: {
                /** @description Whether a browser may show it; pictures, text and JSON only. Default: it is a download. */
                inline?: boolean;
            };
            header?: never;
            path: {
                /** @description The artifact */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The range that was asked for */
            206: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "audit.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description Words, at most eight: each stands in the action, the target, the actor or the request id. */
                text?: string;
                /** @description At this time or later: `2026-01-31T12:00:00Z`. */
                since?: string;
                /** @description Before this time. */
                until?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_AuditEntry"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "lab.backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The archive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-tar": number[];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "cluster.list": {
        parameters: {
            query?: {
                /**
                 * @description Agents of this org are counted. Default: those of the caller's, or of every org for a
                 *     global token.
                 */
                org?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Cluster"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    command: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandTask"];
            };
        };
        responses: {
            /** @description The task */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "event.list": {
        parameters: {
            query?: {
                /** @description Only events after this place. Default: 0, the beginning; on a stream: now. */
                after?: number;
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description Most items of a page: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Event"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "event.stream": {
        parameters: {
            query?: {
                /** @description Only events after this place. Default: 0, the beginning; on a stream: now. */
                after?: number;
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description Most items of a page: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A stream of events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "goal.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateGoal"];
            };
        };
        responses: {
            /** @description The goal and its plan */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlannedGoal"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "hook.deliver": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schedule */
                id: string;
            };
            cookie?: never;
        };
        /** @description What the forge sends */
        requestBody: {
            content: {
                "application/json": string;
            };
        };
        responses: {
            /** @description It starts nothing */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivered"];
                };
            };
            /** @description It starts a goal */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivered"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Login"];
            };
        };
        responses: {
            /** @description The token and its secret */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counters */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Org"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateOrg"];
            };
        };
        responses: {
            /** @description The org */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Org"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.import": {
        parameters: {
            query?: {
                /** @description Its name here. Default: its own. */
                name?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-tar": number[];
            };
        };
        responses: {
            /** @description The org */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Org"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The org */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Org"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.update": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateOrg"];
            };
        };
        responses: {
            /** @description The org */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Org"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.export": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The archive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-tar": number[];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.keys": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrgKeys"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.rotate_key": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All keys */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrgKeys"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "policy.org": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyView"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "policy.set_org": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetPolicy"];
            };
        };
        responses: {
            /** @description The policy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyView"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.retention": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Due"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "org.retire": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description Id or name */
                org: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What went */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retired"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "patch.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description Project, by id. */
                project?: string;
                /** @description `open`, `merged` or `closed`. */
                state?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Patch"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "patch.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The patch */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The patch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patch"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "patch.comments": {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The patch */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_PatchComment"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "patch.comment": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The patch */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateComment"];
            };
        };
        responses: {
            /** @description The patch */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Patch"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "patch.diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The patch */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A diff */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/x-diff": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "peer.list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Peer"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Project"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateProject"];
            };
        };
        responses: {
            /** @description The project */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The project */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.update": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateProject"];
            };
        };
        responses: {
            /** @description The project */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.blob": {
        parameters: {
            query: {
                /** @description Commit, by its whole id. Default: the head of the default branch. */
                commit?: string;
                /** @description Path of the file from the root. */
                path: string;
                /** @description Whether a browser may show it; pictures, text and JSON only. Default: it is a download. */
                inline?: boolean;
            };
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.move": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MoveProject"];
            };
        };
        responses: {
            /** @description The project */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "policy.project": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyView"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "policy.set_project": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetPolicy"];
            };
        };
        responses: {
            /** @description The policy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyView"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.settings": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectSettings"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.sync": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SyncProject"];
            };
        };
        responses: {
            /** @description What became of it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SyncResult"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.train": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_TrainPlace"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "project.tree": {
        parameters: {
            query?: {
                /** @description Commit, by its whole id. Default: the head of the default branch. */
                commit?: string;
                /** @description Path of the folder from the root, which is the default. */
                path?: string;
            };
            header?: never;
            path: {
                /** @description The project */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The folder */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Folder"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    schedule: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Schedule"];
            };
        };
        responses: {
            /** @description What was scheduled */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Scheduled"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Template"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTemplate"];
            };
        };
        responses: {
            /** @description The schedule, and a webhook's secret */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewTemplate"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schedule */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schedule */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Template"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schedule */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.update": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schedule */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateTemplate"];
            };
        };
        responses: {
            /** @description The schedule */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Template"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.run": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schedule */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The start */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Start"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "schedule.secret": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The schedule */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schedule and its secret */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewTemplate"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    state: {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the answer before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LabState"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "store.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoreInfo"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description Project, by id. */
                project?: string;
                /** @description Children of this task. */
                parent?: string;
                /** @description Everything that serves this goal, the goal included. */
                goal?: string;
                /** @description Goals only. */
                goals_only?: boolean;
                /** @description States, separated by commas. */
                state?: string;
                /**
                 * @description Title contains this, ignoring the case of ASCII letters. A page looks at 1,000 tasks (of
                 *     each state that is named) at most: it can hold few items or none and have a `next`.
                 */
                text?: string;
                /** @description Archived ones too. */
                archived?: boolean;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTask"];
            };
        };
        responses: {
            /** @description The task */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.put_artifact": {
        parameters: {
            query: {
                /** @description The task. */
                task: string;
                /** @description The attempt. */
                attempt: string;
                /** @description Path in the attempt's tree, with `/` between its parts. */
                path: string;
                /** @description SHA-256 of the bytes, in lower-case hexadecimal. */
                sha256: string;
                /** @description Length, in bytes; at most 268435456. */
                size: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description It is kept */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Artifact"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Claim"];
            };
        };
        responses: {
            /** @description Work */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Claimed"];
                };
            };
            /** @description There was none in that time */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.append_log": {
        parameters: {
            query: {
                /** @description The task. */
                task: string;
                /** @description The attempt. */
                attempt: string;
                /** @description Where the chunk belongs, in bytes. */
                offset: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description The log's length */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Logged"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.update_attempt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Update"];
            };
        };
        responses: {
            /** @description It counts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Updated"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskDetail"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.update": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateTask"];
            };
        };
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.activate": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.answer": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerTask"];
            };
        };
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.archive": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.artifacts": {
        parameters: {
            query?: {
                /** @description Of this attempt only. */
                attempt?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Artifact"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.attempts": {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Attempt"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.candidates": {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Candidate"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.choice": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The choice */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskChoice"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.choose": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChooseTask"];
            };
        };
        responses: {
            /** @description The choice */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskChoice"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.commits": {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Commit"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.conflicts": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Conflict"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A diff */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/x-diff": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.edges": {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 5000, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Edge"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.fail": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.logs": {
        parameters: {
            query?: {
                /** @description The attempt. Default: the latest. */
                attempt?: string;
                /** @description First byte. */
                offset?: number;
                /** @description Most bytes: 1 to 262144, which is the default. */
                limit?: number;
                /** @description The last lines, so many of them, in place of a place: 1 to 10000. No more than `limit` bytes. */
                tail?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Bytes of the log */
            200: {
                headers: {
                    /** @description Length of the log in bytes */
                    "x-log-length"?: number;
                    /** @description Where the first byte is */
                    "x-log-offset"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.logs_stream": {
        parameters: {
            query?: {
                /** @description The attempt. Default: the latest. */
                attempt?: string;
                /** @description First byte. */
                offset?: number;
                /** @description Most bytes: 1 to 262144, which is the default. */
                limit?: number;
                /** @description The last lines, so many of them, in place of a place: 1 to 10000. No more than `limit` bytes. */
                tail?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A stream of chunks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.tell": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TellTask"];
            };
        };
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plan.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_PlanRevision"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plan.propose": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProposePlan"];
            };
        };
        responses: {
            /** @description The revision */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanDetail"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plan.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
                /** @description Number of the revision */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The revision */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanDetail"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plan.approve": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
                /** @description Number of the revision */
                number: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApprovePlan"];
            };
        };
        responses: {
            /** @description The revision */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanDetail"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plan.diff": {
        parameters: {
            query?: {
                /** @description The older revision. Default: the parent. */
                from?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
                /** @description Number of the newer revision */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The difference */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanDiff"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "plan.reject": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
                /** @description Number of the revision */
                number: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RejectPlan"];
            };
        };
        responses: {
            /** @description The revision */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanRevision"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "policy.goal": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The goal, or a task of it */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyView"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "policy.set_goal": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The goal */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetPolicy"];
            };
        };
        responses: {
            /** @description The policy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyView"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.receipts": {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, which is the default. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Receipt"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "task.retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The task */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "token.list": {
        parameters: {
            query?: {
                /** @description Org, by id or name. Default: the caller's, or every org for a global token. */
                org?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Most items: 1 to 500, default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List_Token"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "token.create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateToken"];
            };
        };
        responses: {
            /** @description The token and its secret */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "token.revoke": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "lab.verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was found */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LabReport"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    whoami: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhoAmI"];
                };
            };
            /** @description A problem: `code` says which */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
