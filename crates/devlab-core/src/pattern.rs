//! Patterns of paths, as people write them in `artifacts = ["target/report/**", "shots/*.png"]`.
//!
//! `*` stands for any characters within a name, `?` for one, `**` for any number of folders. A
//! pattern that names a folder means everything below it. Nothing else is special; what other tools
//! take for special (`[`, `{`, `!`, `\`) is refused, so that nobody is surprised.

use crate::error::Refusal;

/// Most patterns of a task or a project.
pub const PATTERNS_MAX: usize = 32;
/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 256;
/// Any number of folders.
const DEEP: &str = "**";

/// Checks a list of patterns; `field` names it in the request.
///
/// # Errors
/// [`Refusal::Invalid`] with the place of the pattern.
pub fn validate(field: &str, patterns: &[String]) -> Result<(), Refusal> {
    if patterns.len() > PATTERNS_MAX {
        let problem = format!("at most {PATTERNS_MAX} patterns");
        return Err(Refusal::invalid(field, problem));
    }
    for (i, pattern) in patterns.iter().enumerate() {
        if let Some(problem) = problem(pattern) {
            return Err(Refusal::invalid(format!("{field}[{i}]"), problem));
        }
    }
    Ok(())
}

fn problem(pattern: &str) -> Option<String> {
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
        return Some(format!("must have 1 to {PATTERN_BYTES_MAX} bytes"));
    }
    if pattern.starts_with('/') {
        return Some("must be relative to the root of the project".to_owned());
    }
    let odd = |c: char| c.is_control() || matches!(c, '[' | ']' | '{' | '}' | '!' | '\\');
    if let Some(odd) = pattern.chars().find(|c| odd(*c)) {
        return Some(format!("{odd:?} has no meaning here; use *, ? and **"));
    }
    for part in parts(pattern) {
        match part {
            "" | "." | ".." => return Some("has an empty part, or one of dots".to_owned()),
            ".git" => return Some(".git is not kept".to_owned()),
            part if part != DEEP && part.contains(DEEP) => {
                return Some("** stands for folders: give it a part of its own".to_owned());
            }
            _ => {}
        }
    }
    None
}

/// The parts of a pattern; a slash at its end says only that it means a folder.
fn parts(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.strip_suffix('/').unwrap_or(pattern).split('/')
}

/// Whether a path, with `/` between its parts, is meant by a pattern.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (parts(pattern).collect(), path.split('/').collect());
    // Which numbers of the pattern's parts can stand for the path so far.
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    skip_deep(&pattern, &mut reached);
    for name in path {
        let mut next = vec![false; pattern.len() + 1];
        for (at, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            match pattern.get(at) {
                // A folder that is meant has everything below it.
                None => next[at] = true,
                Some(&DEEP) => next[at] = true,
                Some(part) if name_matches(part, name) => next[at + 1] = true,
                Some(_) => {}
            }
        }
        skip_deep(&pattern, &mut next);
        reached = next;
    }
    reached[pattern.len()]
}

/// `**` may stand for no folder at all.
fn skip_deep(pattern: &[&str], reached: &mut [bool]) {
    for (at, part) in pattern.iter().enumerate() {
        if reached[at] && *part == DEEP {
            reached[at + 1] = true;
        }
    }
}

/// Whether something below a folder may be meant by a pattern.
#[must_use]
pub fn may_match_below(pattern: &str, folder: &str) -> bool {
    let mut parts = parts(pattern);
    for name in folder.split('/') {
        match parts.next() {
            None | Some(DEEP) => return true,
            Some(part) if name_matches(part, name) => {}
            Some(_) => return false,
        }
    }
    true
}

/// One name against one part: goes back to the last `*` only, so it takes linear time for each.
fn name_matches(part: &str, name: &str) -> bool {
    let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match part.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some('?') => (p, n) = (p + 1, n + 1),
            Some(c) if *c == name[n] => (p, n) = (p + 1, n + 1),
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    part[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_people_expect() {
        for (pattern, path, meant) in [
            ("a.txt", "a.txt", true),
            ("a.txt", "b/a.txt", false),
            ("*.txt", "a.txt", true),
            ("*.txt", "b/a.txt", false),
            ("**/*.txt", "a.txt", true),
            ("**/*.txt", "b/c/a.txt", true),
            ("**/*.txt", "b/c/a.text", false),
            ("report", "report/index.html", true),
            ("report/", "report/a/b.css", true),
            ("report", "reports/a", false),
            ("target/*/log", "target/debug/log", true),
            ("target/*/log", "target/a/b/log", false),
            ("target/**/log", "target/log", true),
            ("target/**/log", "target/a/b/log", true),
            ("shot-??.png", "shot-07.png", true),
            ("shot-??.png", "shot-7.png", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "anything/at/all", true),
            ("*", ".hidden", true),
        ] {
            assert_eq!(matches(pattern, path), meant, "{pattern} {path}");
            if meant && let Some((folder, _)) = path.rsplit_once('/') {
                assert!(may_match_below(pattern, folder), "{pattern} {folder}");
            }
        }
        assert!(!may_match_below("target/report/*", "src"));
        assert!(!may_match_below("target/report/*", "target/debug"));
        assert!(may_match_below("target/report/*", "target"));
    }

    #[test]
    fn a_hostile_pattern_costs_little() {
        let deep = format!("{}/z", ["**/*a"; 40].join("/"));
        assert!(!matches(&deep, &"a/".repeat(2_000)));
        let stars = format!("{}b", "*a".repeat(120));
        assert!(!name_matches(&stars, &"a".repeat(5_000)));
    }

    #[test]
    fn odd_patterns_are_refused() {
        let list = |text: &str| [text.to_owned()];
        for odd in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a[b]",
            "{a,b}",
            "!a",
            "a\\b",
            "a**",
            ".git/config",
            "a\nb",
        ] {
            let refused = validate("artifacts", &list(odd));
            let Err(Refusal::Invalid { field, .. }) = refused else {
                panic!("{odd:?} was taken");
            };
            assert_eq!(field, "artifacts[0]");
        }
        validate("artifacts", &list("target/**/*.html")).unwrap();
        assert!(validate("artifacts", &vec!["a".to_owned(); PATTERNS_MAX + 1]).is_err());
    }
}
