//! Where blobs are kept.

use std::path::PathBuf;
use std::time::Duration;

use devlab_orchestrator::BytesConfig;
use devlab_store::blobs::{BlobPlace, S3Keys, S3Options, S3Patience};

use super::{Key, Settings, env_name};
use crate::failure::Failure;

/// Region of a server that has none: most of other makers take any.
const REGION_DEFAULT: &str = "us-east-1";

/// Longest time that a log may stay in the database.
const SEAL_AFTER_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

impl Settings {
    /// Where logs of finished attempts, and artifacts, are kept: `blobs` in the data folder, unless
    /// a folder or a bucket was named.
    pub(crate) fn blobs(&self) -> anyhow::Result<BlobPlace> {
        let named = self.get(Key::Blobs).filter(|named| !named.is_empty());
        let Some(named) = named else {
            return Ok(BlobPlace::Folder(self.home()?.join("blobs")));
        };
        if let Some(bucket) = named.strip_prefix("s3://") {
            return self.bucket(bucket);
        }
        let folder = named.strip_prefix("file://").unwrap_or(named);
        if !folder.starts_with('/') {
            return Err(self.wrong(
                Key::Blobs,
                "s3://bucket/prefix or the absolute path of a folder",
            ));
        }
        Ok(BlobPlace::Folder(PathBuf::from(folder)))
    }

    /// What becomes of the logs of attempts that are over.
    pub(crate) fn bytes(&self) -> anyhow::Result<BytesConfig> {
        let wanted = format!("seconds up to {}", SEAL_AFTER_MAX.as_secs());
        let secs: f64 = self.parse(Key::SealAfterSecs, &wanted)?;
        let seal_after = Duration::try_from_secs_f64(secs).ok();
        let seal_after = seal_after.filter(|after| *after <= SEAL_AFTER_MAX);
        let seal_from = match self.get(Key::SealFrom) {
            Some(_) => self.parse(Key::SealFrom, "a number of bytes")?,
            None => BytesConfig::default().seal_from,
        };
        Ok(BytesConfig {
            seal_after: seal_after.ok_or_else(|| self.wrong(Key::SealAfterSecs, &wanted))?,
            seal_from,
            retention: self.parse(Key::Retention, "days, such as 30d, or forever")?,
        })
    }

    fn bucket(&self, named: &str) -> anyhow::Result<BlobPlace> {
        let (bucket, prefix) = named.split_once('/').unwrap_or((named, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_plain) {
            return Err(self.wrong(Key::Blobs, "s3://bucket or s3://bucket/prefix"));
        }
        let given = |key| self.get(key).filter(|value| !value.is_empty());
        let keys = match (given(Key::BlobsAccess), given(Key::BlobsSecret)) {
            (Some(access_key), Some(secret_key)) => Some(S3Keys {
                access_key: access_key.to_owned(),
                secret_key: secret_key.to_owned(),
                session_token: given(Key::BlobsSessionToken).map(str::to_owned),
            }),
            (None, None) => None,
            (access_key, _) => {
                let absent = match access_key {
                    Some(_) => Key::BlobsSecret,
                    None => Key::BlobsAccess,
                };
                let absent = env_name(absent);
                return Err(Failure::usage(format!(
                    "{absent} is not set: a key for DEVLAB_BLOBS has two parts"
                )));
            }
        };
        Ok(BlobPlace::S3(Box::new(S3Options {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            endpoint: given(Key::BlobsEndpoint).map(str::to_owned),
            region: given(Key::BlobsRegion).unwrap_or(REGION_DEFAULT).to_owned(),
            keys,
            allow_http: self.flag(Key::BlobsAllowHttp)?,
            patience: S3Patience::default(),
        })))
    }

    fn flag(&self, key: Key) -> anyhow::Result<bool> {
        match self.get(key) {
            None | Some("" | "false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::environment::Environment;

    fn place(env: &[(&str, &str)]) -> anyhow::Result<BlobPlace> {
        let mut all = vec![("DEVLAB_HOME", "/no/such/home")];
        all.extend(env);
        Settings::load(&Environment::of(&all), BTreeMap::new(), 2)?.blobs()
    }

    #[test]
    fn blobs_are_in_the_data_folder_unless_told() {
        let folder = |env| match place(env).unwrap() {
            BlobPlace::Folder(dir) => dir.display().to_string(),
            BlobPlace::S3(options) => format!("{options:?}"),
        };
        assert_eq!(folder(&[]), "/no/such/home/blobs");
        assert_eq!(folder(&[("DEVLAB_BLOBS", "/srv/blobs")]), "/srv/blobs");
        assert_eq!(
            folder(&[("DEVLAB_BLOBS", "file:///srv/blobs")]),
            "/srv/blobs"
        );
        let bucket = [
            ("DEVLAB_BLOBS", "s3://lab/a/b/"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
        ];
        assert_eq!(folder(&bucket), "s3://lab/a/b at http://127.0.0.1:9000");
    }

    #[test]
    fn half_a_key_and_odd_places_are_refused() {
        let refused = |env: &[(&str, &str)]| place(env).unwrap_err().to_string();
        let half = [("DEVLAB_BLOBS", "s3://lab"), ("AWS_ACCESS_KEY_ID", "key")];
        assert!(refused(&half).contains("AWS_SECRET_ACCESS_KEY"));
        for odd in ["blobs", "s3://", "s3:///x", "s3://a b", "http://x/y"] {
            assert!(
                refused(&[("DEVLAB_BLOBS", odd)]).contains("DEVLAB_BLOBS"),
                "{odd}"
            );
        }
    }
}
