//! Finds the files that a task's words name.

/// Endings that make a word without a folder a file's name. Others would take `Node.js` or `e.g.`
/// for one.
const ENDINGS: &[&str] = &[
    "cfg", "css", "go", "html", "ini", "json", "jsx", "lock", "md", "py", "rs", "sh", "sql",
    "toml", "ts", "tsx", "txt", "xml", "yaml", "yml",
];
/// Longest ending of a file's name, in bytes.
const ENDING_BYTES_MAX: usize = 10;

/// Files that a text names, each as it is written, without `./` before it.
pub(super) fn named(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '[' | ']' | '@' | '+' | '$')
    };
    text.split(move |c: char| !part(c)).filter_map(file)
}

fn file(word: &str) -> Option<&str> {
    // Most words are none.
    if !word.as_bytes().contains(&b'.') {
        return None;
    }
    // Marks such as `[P]` and the end of a sentence are not part of a name.
    let mut word = word.trim_end_matches(['.', '-', '/', '+']);
    while let Some(inner) = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
        word = inner;
    }
    let word = word.strip_prefix("./").unwrap_or(word);
    // What begins with a slash is an address on the web.
    if word.starts_with('/') || word.contains("//") || word.contains("..") {
        return None;
    }
    let (folder, name) = match word.rsplit_once('/') {
        Some((_, name)) => (true, name),
        None => (false, word),
    };
    let (stem, ending) = name.rsplit_once('.')?;
    let is_ending = ending.len() <= ENDING_BYTES_MAX
        && ending.starts_with(|c: char| c.is_ascii_alphabetic())
        && ending.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_hidden_file = stem.is_empty() && folder;
    let is_file = is_ending && (folder || ENDINGS.contains(&ending));
    (is_file && (!stem.is_empty() || is_hidden_file)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_other_words() {
        let cases = [
            (
                "Create User model in src/models/user.py",
                "src/models/user.py",
            ),
            (
                "Edit `./src/app/[id]/page.tsx`, then README.md.",
                "src/app/[id]/page.tsx README.md",
            ),
            ("Add GET /api/users.json and/or input/output", ""),
            (
                "Use Node.js v1.2, e.g. as in https://example.com/a.html",
                "",
            ),
            ("[P] [US1] (see config/.env, a.rs)", "config/.env a.rs"),
            ("Fix ../outside.rs and tests/", ""),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = named(text).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }
}
