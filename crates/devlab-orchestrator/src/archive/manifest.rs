//! What an archive says of itself.

use std::io::Write;

use devlab_core::check::Sha256Hex;
use devlab_core::{OrgId, ProjectId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::bad;
use crate::error::Result;

/// Version of the layout of archives.
pub const FORMAT: u32 = 1;
/// Name of the manifest in an archive. It is the last part, and not in its own list.
pub(super) const MANIFEST: &str = "manifest.json";
/// Longest manifest: room for a million parts.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// Whose archive it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// A whole lab's.
    Lab,
    /// One org's.
    Org {
        /// Its id.
        id: OrgId,
        /// Its name where it was exported.
        name: String,
    },
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its path in the archive.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its digest: 64 hexadecimal digits.
    pub sha256: String,
    /// How many records it has, if it has records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of who wrote it.
    pub format: u32,
    /// [`devlab_store::dump::FORMAT`] of who wrote it.
    pub records: u32,
    /// Version of the devlab that wrote it.
    pub devlab: String,
    /// Whose archive it is.
    pub of: Of,
    /// The moment that it holds, by the clock of the machine that took it.
    pub taken_at: Timestamp,
    /// All other files, in their order.
    pub parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Sealed {
    manifest: Box<RawValue>,
    sha256: String,
}

/// Only what tells whether the rest can be understood.
#[derive(Deserialize)]
struct Versions {
    format: u32,
    records: u32,
}

impl Manifest {
    /// Its file: the manifest, and a digest of its own text.
    pub(super) fn to_file(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_string_pretty(self).map_err(|error| bad(error.to_string()))?;
        let digest = hex(Sha256::digest(&text));
        let mut file = Vec::with_capacity(text.len() + 128);
        // Writing to memory cannot fail.
        writeln!(
            file,
            "{{\n\"manifest\": {text},\n\"sha256\": \"{digest}\"\n}}"
        )
        .map_err(super::io("the manifest"))?;
        Ok(file)
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is damaged, or a newer devlab's.
    pub(super) fn from_file(file: &[u8]) -> Result<Self> {
        let damaged = |why: String| bad(format!("{MANIFEST} is damaged: {why}; use another copy"));
        let sealed: Sealed =
            serde_json::from_slice(file).map_err(|error| damaged(error.to_string()))?;
        let text = sealed.manifest.get();
        if hex(Sha256::digest(text)) != sealed.sha256 {
            return Err(damaged("it does not match its own digest".to_owned()));
        }
        let versions: Versions =
            serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        for (what, found, known) in [
            ("format", versions.format, FORMAT),
            ("records", versions.records, devlab_store::dump::FORMAT),
        ] {
            if found > known {
                return Err(bad(format!(
                    "its {what} have version {found}, and this devlab knows versions up to \
                     {known}: use the newer devlab that wrote it, or one that came after"
                )));
            }
        }
        serde_json::from_str(text).map_err(|error| damaged(error.to_string()))
    }

    /// A part by its name.
    pub(super) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

/// Where the records of a kind are.
pub(super) fn records_name(kind: &str) -> String {
    format!("db/{kind}.jsonl.zst")
}

/// Where a project's repository is. An empty one has none.
pub(super) fn bundle_name(org: OrgId, project: ProjectId) -> String {
    format!("repos/{org}/{project}.bundle")
}

/// Where the content of a blob is, compressed.
pub(super) fn blob_name(blob: &Sha256Hex) -> String {
    format!("blobs/{blob}.zst")
}

pub(super) fn hex(digest: impl AsRef<[u8]>) -> String {
    let digest = digest.as_ref().iter();
    digest.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            records: devlab_store::dump::FORMAT,
            devlab: "1.2.3".to_owned(),
            of: Of::Lab,
            taken_at: Timestamp::from_millis(1),
            parts: vec![Part {
                name: "db/orgs.jsonl.zst".to_owned(),
                bytes: 1,
                sha256: "00".to_owned(),
                records: Some(1),
            }],
        }
    }

    fn refusal(file: &[u8]) -> String {
        Manifest::from_file(file).unwrap_err().to_string()
    }

    #[test]
    fn it_comes_back_and_a_changed_one_is_noticed() {
        let file = manifest().to_file().unwrap();
        assert_eq!(Manifest::from_file(&file).unwrap(), manifest());
        let text = String::from_utf8(file).unwrap();
        let other = text.replace("\"bytes\": 1", "\"bytes\": 2");
        assert!(refusal(other.as_bytes()).contains("its own digest"));
        assert!(refusal(&text.as_bytes()[..text.len() / 2]).contains("damaged"));
    }

    #[test]
    fn a_newer_one_is_refused_by_its_version() {
        let newer = Manifest {
            format: FORMAT + 1,
            ..manifest()
        };
        assert!(refusal(&newer.to_file().unwrap()).contains("newer devlab"));
        let newer = Manifest {
            records: 99,
            ..manifest()
        };
        assert!(refusal(&newer.to_file().unwrap()).contains("version 99"));
    }
}
