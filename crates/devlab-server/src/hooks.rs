//! Whether a webhook is what it says it is.
//!
//! GitHub and Forgejo sign the body with HMAC-SHA-256 (`X-Hub-Signature-256: sha256=…`,
//! `X-Forgejo-Signature`, `X-Gitea-Signature`). GitLab signs id, time and body as Standard Webhooks
//! say (`webhook-signature: v1,…`) where the hook has a signing token, and otherwise shows the
//! secret itself (`X-Gitlab-Token`), which proves less and is compared in constant time too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devlab_core::Timestamp;
use devlab_core::check::Sha256Hex;
use devlab_core::template::HookForge;
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};

/// What a secret begins with.
pub(crate) const SECRET_PREFIX: &str = "whsec_";
/// How far the time of a signature may be from ours.
const AGE_SECS_MAX: i64 = 300;
/// Most signatures of one request that are looked at.
const SIGNATURES_MAX: usize = 4;

/// A webhook whose signature holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Digest of what is signed, but for the time: what is sent once more has another one. Where
    /// nothing is signed, of the body and the delivery's id.
    pub(crate) digest: String,
    /// Id of the delivery. It may not be signed.
    pub(crate) delivery: Option<String>,
    /// Name of the event. It is not signed.
    pub(crate) event: String,
}

/// The secret of a webhook as it is shown, from its 32 bytes.
pub(crate) fn secret(key: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(key))
}

/// Checks what a forge sends; `None` if it proves nothing.
pub(crate) fn verify(
    forge: HookForge,
    key: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Option<Signed> {
    let shown = secret(key);
    // What else than the body tells two deliveries apart: by whoever has the secret.
    let mut apart = None;
    let (is_signed, delivery, event) = match forge {
        HookForge::Github => {
            let hex = header(headers, "x-hub-signature-256")?.strip_prefix("sha256=")?;
            let is_signed = is_hex_mac(shown.as_bytes(), body, hex);
            (is_signed, "x-github-delivery", "x-github-event")
        }
        HookForge::Forgejo => {
            let own = header(headers, "x-forgejo-signature");
            let hex = own.or_else(|| header(headers, "x-gitea-signature"))?;
            let is_signed = is_hex_mac(shown.as_bytes(), body, hex);
            match header(headers, "x-forgejo-event") {
                Some(_) => (is_signed, "x-forgejo-delivery", "x-forgejo-event"),
                None => (is_signed, "x-gitea-delivery", "x-gitea-event"),
            }
        }
        HookForge::Gitlab => {
            // Its pushes have no time: the same body may come twice.
            let is_signed = match header(headers, "webhook-signature") {
                Some(signatures) => {
                    apart = header(headers, "webhook-id");
                    is_standard(key, headers, body, signatures, now)
                }
                None => {
                    apart = header(headers, "x-gitlab-event-uuid");
                    is_same(header(headers, "x-gitlab-token")?, &shown)
                }
            };
            (is_signed, "x-gitlab-event-uuid", "x-gitlab-event")
        }
    };
    is_signed.then(|| Signed {
        digest: match apart {
            Some(id) => Sha256Hex::of(&[id.as_bytes(), b".", body].concat()),
            None => Sha256Hex::of(body),
        }
        .as_str()
        .to_owned(),
        delivery: header(headers, delivery).map(str::to_owned),
        event: header(headers, event).unwrap_or_default().to_owned(),
    })
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn mac(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key).ok()
}

fn is_hex_mac(key: &[u8], body: &[u8], hex: &str) -> bool {
    let Some((mut mac, sent)) = mac(key).zip(bytes(hex)) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&sent).is_ok()
}

/// The bytes of hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |i: usize| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok();
    is_hex.then(|| (0..32).map(byte).collect())?
}

fn is_standard(
    key: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    signatures: &str,
    now: Timestamp,
) -> bool {
    let id = header(headers, "webhook-id");
    let at = header(headers, "webhook-timestamp");
    let Some((id, at)) = id.zip(at) else {
        return false;
    };
    let age = at.parse::<i64>().map(|at| now.as_secs().abs_diff(at));
    if age.map_or(true, |age| age > AGE_SECS_MAX.unsigned_abs()) {
        return false;
    }
    let of_this = |sent: &str| {
        let sent = STANDARD.decode(sent.strip_prefix("v1,")?).ok()?;
        let mut mac = mac(key)?;
        for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac.verify_slice(&sent).ok()
    };
    let mut sent = signatures.split(' ').take(SIGNATURES_MAX);
    sent.any(|sent| of_this(sent).is_some())
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let Some(mut mac) = mac(&Sha256::digest(other.as_bytes())) else {
        return false;
    };
    let mut expected = mac.clone();
    expected.update(other.as_bytes());
    mac.update(one.as_bytes());
    mac.verify_slice(&expected.finalize().into_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const BODY: &[u8] = br#"{"ref":"refs/heads/main"}"#;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = of.iter();
        pairs
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    fn hex(key: &[u8], body: &[u8]) -> String {
        let mut mac = mac(key).unwrap();
        mac.update(body);
        let bytes = mac.finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn github_and_forgejo_sign_the_body() {
        let shown = secret(&KEY);
        let good = hex(shown.as_bytes(), BODY);
        let github = |signature: &str| {
            let signature = format!("sha256={signature}");
            let sent = headers(&[
                ("x-hub-signature-256", &signature),
                ("x-github-delivery", "d1"),
                ("x-github-event", "push"),
            ]);
            verify(HookForge::Github, &KEY, &sent, BODY, at(0))
        };
        let signed = github(&good).unwrap();
        assert_eq!(
            (signed.delivery.as_deref(), &*signed.event),
            (Some("d1"), "push")
        );
        let other = hex(shown.as_bytes(), b"{}");
        for bad in [
            &*other,
            "",
            "zz",
            &good[1..],
            &good.replace(&good[..2], "0\u{fc}"),
        ] {
            assert_eq!(github(bad), None, "{bad}");
        }
        assert_eq!(
            github(&hex(&KEY, BODY)),
            None,
            "the secret is the text that was shown"
        );
        let sent = headers(&[("x-gitea-signature", &good), ("x-gitea-event", "push")]);
        assert!(verify(HookForge::Forgejo, &KEY, &sent, BODY, at(0)).is_some());
        assert_eq!(verify(HookForge::Github, &KEY, &sent, BODY, at(0)), None);
        assert_eq!(verify(HookForge::Gitlab, &KEY, &sent, BODY, at(0)), None);
    }

    #[test]
    fn gitlab_signs_id_time_and_body_or_shows_the_secret() {
        let signed = |sent_at: i64, now: i64, body: &[u8]| {
            let text = [
                b"msg.".as_slice(),
                sent_at.to_string().as_bytes(),
                b".",
                BODY,
            ]
            .concat();
            let mut mac = mac(&KEY).unwrap();
            mac.update(&text);
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            let sent = headers(&[
                ("webhook-id", "msg"),
                ("webhook-timestamp", &sent_at.to_string()),
                ("webhook-signature", &format!("v1,AAAA v1,{signature}")),
                // What is signed counts, whatever else is shown.
                ("x-gitlab-token", &secret(&KEY)),
            ]);
            verify(HookForge::Gitlab, &KEY, &sent, body, at(now)).is_some()
        };
        assert!(signed(1_000, 1_200, BODY));
        assert!(!signed(1_000, 1_301, BODY), "it is old");
        assert!(!signed(1_000, 1_200, b"{}"));
        let shown = |token: &str| {
            let sent = headers(&[("x-gitlab-token", token), ("x-gitlab-event", "Push Hook")]);
            verify(HookForge::Gitlab, &KEY, &sent, BODY, at(0)).is_some()
        };
        assert!(shown(&secret(&KEY)));
        assert!(!shown("") && !shown(&secret(&[8; 32])));
    }

    #[test]
    fn a_push_of_gitlab_that_says_the_same_as_an_earlier_one_is_another_delivery() {
        let signed = |id: &str, sent_at: i64| {
            let at_text = sent_at.to_string();
            let mut mac = mac(&KEY).unwrap();
            mac.update(&[id.as_bytes(), b".", at_text.as_bytes(), b".", BODY].concat());
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            let sent = headers(&[
                ("webhook-id", id),
                ("webhook-timestamp", &at_text),
                ("webhook-signature", &format!("v1,{signature}")),
            ]);
            let signed = verify(HookForge::Gitlab, &KEY, &sent, BODY, at(sent_at)).unwrap();
            signed.digest
        };
        assert_ne!(signed("one", 1_000), signed("two", 1_000));
        assert_eq!(signed("one", 1_000), signed("one", 1_090), "sent once more");
        let shown = |id: &str| {
            let sent = headers(&[
                ("x-gitlab-token", &secret(&KEY)),
                ("x-gitlab-event-uuid", id),
            ]);
            let signed = verify(HookForge::Gitlab, &KEY, &sent, BODY, at(0)).unwrap();
            signed.digest
        };
        assert_ne!(shown("one"), shown("two"));
        assert_eq!(shown("one"), shown("one"));
    }
}
