//! Policies as people write them: YAML or JSON.

use serde_saphyr::{budget, options};

use crate::error::Refusal;

use super::Policy;

/// Largest policy file, in bytes.
pub const POLICY_FILE_BYTES_MAX: usize = 64 * 1024;

/// Reads a policy.
///
/// # Errors
/// [`Refusal::Invalid`] that names the file and the line.
pub fn parse(name: &str, text: &str) -> Result<Policy, Refusal> {
    if text.len() > POLICY_FILE_BYTES_MAX {
        let problem = format!("has more than {POLICY_FILE_BYTES_MAX} bytes");
        return Err(Refusal::invalid(name, problem));
    }
    // An empty file says nothing, and is no mistake.
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Policy::default());
    }
    let options = options! {
        strict_booleans: true,
        with_snippet: false,
        budget: budget! {
            max_events: 4_096,
            max_nodes: 2_048,
            max_total_scalar_bytes: POLICY_FILE_BYTES_MAX,
            max_documents: 1,
            max_depth: 8,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.without_snippet().to_string();
        Refusal::invalid(name, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_yaml_or_json_and_its_mistakes_have_lines() {
        let yaml = "# ours\nretries:\n  check: { most: 5 }\napprovals:\n  tasks: [[prod, db]]\n";
        let json =
            r#"{"retries": {"check": {"most": 5}}, "approvals": {"tasks": [["db", "prod"]]}}"#;
        let policy = parse("p", yaml).unwrap();
        assert_eq!(policy, parse("p", json).unwrap());
        assert_eq!(policy.retries.check.most, Some(5));
        assert_eq!(parse("p", "# nothing\n").unwrap(), Policy::default());
        let wrong = parse("p.yaml", "retries:\n  chek: { most: 5 }\n").unwrap_err();
        let said = wrong.to_string();
        assert!(
            said.starts_with("p.yaml: ") && said.contains("chek") && said.contains("line 2"),
            "{said}"
        );
    }
}
