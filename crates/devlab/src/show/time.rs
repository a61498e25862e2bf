//! Times as people say them.

use std::time::Duration;

use devlab_core::Timestamp;

/// `12 s ago`.
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    let since = now.since(at);
    if since < Duration::from_secs(1) {
        return "now".to_owned();
    }
    format!("{} ago", span(since))
}

/// `in 3 h`, or that it is over.
pub(crate) fn until(now: Timestamp, at: Timestamp) -> String {
    if at <= now {
        return "over".to_owned();
    }
    format!("in {}", span(at.since(now)))
}

/// A duration in its largest unit.
pub(crate) fn span(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0 => format!("{} ms", duration.as_millis()),
        1..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} d", secs / 86_400),
    }
}

/// Reads `90s`, `30m`, `12h`, `90d`; a bare number is seconds.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(factor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_in_their_largest_unit() {
        for (secs, text) in [
            (5, "5 s"),
            (119, "119 s"),
            (600, "10 min"),
            (7_300, "2 h"),
            (200_000, "2 d"),
        ] {
            assert_eq!(span(Duration::from_secs(secs)), text);
        }
        assert_eq!(span(Duration::from_millis(7)), "7 ms");
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse("90d"), Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(parse("15"), Some(Duration::from_secs(15)));
        for bad in ["", "d", "1y", "-1s", "1.5h", "99999999999999999999d"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
