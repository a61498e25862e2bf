//! The first part of a push: which refs are to go where, before any object is sent.

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::name::{Oid, RefName};

/// Most bytes that the commands of one push may take.
pub(crate) const COMMAND_BYTES_MAX: usize = 4 << 20;
/// Most refs in one push.
pub(crate) const COMMANDS_MAX: usize = 10_000;
/// Largest payload of a side-band packet: 65,520 less its length and band bytes.
const BAND_BYTES_MAX: usize = 65_515;

/// One ref of a push. All zeros stand for "does not exist".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) old: Oid,
    pub(crate) new: Oid,
    pub(crate) name: RefName,
}

/// The commands of a push, and how their sender wants to hear of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Commands {
    pub(crate) list: Vec<Command>,
    pub(crate) report_status: bool,
    pub(crate) side_band: bool,
}

/// A payload (`None` for a flush), and the bytes that the packet takes.
type Packet<'a> = (Option<&'a [u8]>, usize);

/// The next packet: `None` if more bytes are needed; the payload (`None` for a flush) and the
/// length it took.
fn next_packet(bytes: &[u8]) -> Result<Option<Packet<'_>>> {
    let Some(digits) = bytes.get(..4) else {
        return Ok(None);
    };
    let bad = || {
        Error::invalid(
            "packet length",
            &String::from_utf8_lossy(digits),
            "expected four hexadecimal digits",
        )
    };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(bad());
    }
    let length = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| usize::from_str_radix(text, 16).ok())
        .ok_or_else(bad)?;
    match length {
        0 => Ok(Some((None, 4))),
        1..4 => Err(bad()),
        _ => Ok(bytes.get(4..length).map(|payload| (Some(payload), length))),
    }
}

/// Reads the commands from the beginning of a request; `None` if it is not complete yet.
///
/// # Errors
/// [`Error::Invalid`] for what no git client sends, or what is not allowed here.
pub(crate) fn parse_commands(mut bytes: &[u8]) -> Result<Option<Commands>> {
    let mut commands = Commands::default();
    let mut first = true;
    while let Some((payload, length)) = next_packet(bytes)? {
        let Some(payload) = payload else {
            return Ok(Some(commands));
        };
        let text = std::str::from_utf8(payload)
            .map_err(|_| Error::invalid("push", "", "a ref name that is not UTF-8"))?;
        let (line, capabilities) = text.split_once('\0').unwrap_or((text, ""));
        if let Some(shallow) = line.trim_end().strip_prefix("shallow ") {
            let valid: Result<Oid, _> = shallow.parse();
            valid.map_err(|_| Error::invalid("push", line, "not an object id"))?;
        } else {
            if first {
                let has = |name: &str| capabilities.split_whitespace().any(|word| word == name);
                commands.report_status = has("report-status") || has("report-status-v2");
                commands.side_band = has("side-band-64k");
                first = false;
            }
            commands
                .list
                .push(parse_command(line.trim_end_matches('\n'))?);
        }
        if commands.list.len() > COMMANDS_MAX {
            return Err(Error::invalid("push", "", "more than 10000 refs"));
        }
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(None)
}

fn parse_command(line: &str) -> Result<Command> {
    // Always `Invalid`: that it is the client's fault decides the status of the answer.
    let bad = |why| Error::invalid("push", line, why);
    let mut words = line.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(old), Some(new), Some(name)) => Ok(Command {
            old: old.parse().map_err(|_| bad("not an object id"))?,
            new: new.parse().map_err(|_| bad("not an object id"))?,
            name: name
                .parse()
                .map_err(|_| bad("not a full ref name that git accepts"))?,
        }),
        _ => Err(Error::invalid(
            "push",
            line,
            "expected old, new and ref (signed pushes are not supported)",
        )),
    }
}

pub(crate) fn packet(payload: &[u8]) -> Vec<u8> {
    let mut out = format!("{:04x}", payload.len() + 4).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// A report that refuses every command, each with a reason, as receive-pack would write it.
pub(crate) fn refusal_report(reasons: &[(RefName, String)], side_band: bool) -> Bytes {
    let mut report = packet(b"unpack ok\n");
    for (name, reason) in reasons {
        report.extend(packet(format!("ng {name} {reason}\n").as_bytes()));
    }
    report.extend_from_slice(b"0000");
    if !side_band {
        return report.into();
    }
    let mut out = Vec::new();
    for part in report.chunks(BAND_BYTES_MAX) {
        out.extend(packet(&[&[1], part].concat()));
    }
    out.extend_from_slice(b"0000");
    out.into()
}

/// Adds `.have` lines to what receive-pack advertises: objects that the client need not send.
///
/// An attempt sees no ref but its own, so without this it would send the whole history again.
pub(crate) fn add_haves(advertised: &[u8], haves: &[Oid]) -> Result<Bytes> {
    let odd = || Error::unexpected("receive-pack", "an advertisement without refs");
    let service = next_packet(advertised)?
        .map(|(_, length)| length)
        .ok_or_else(odd)?;
    let start = service + 4; // the flush after the service line
    let rest = advertised.get(start..).ok_or_else(odd)?;
    let Some((Some(first), length)) = next_packet(rest)? else {
        return Err(odd());
    };
    let Some((have, others)) = haves.split_first() else {
        return Ok(Bytes::copy_from_slice(advertised));
    };
    let nul = first.iter().position(|byte| *byte == 0).ok_or_else(odd)?;
    let (named, capabilities) = first.split_at(nul);
    let empty = named.ends_with(b" capabilities^{}");
    let mut out = advertised.get(..start).ok_or_else(odd)?.to_vec();
    if empty {
        // "No refs" is itself written as a first line; a `.have` takes its place.
        out.extend(packet(
            &[format!("{have} .have").as_bytes(), capabilities].concat(),
        ));
    } else {
        out.extend(packet(first));
        out.extend(packet(format!("{have} .have\n").as_bytes()));
    }
    for have in others {
        out.extend(packet(format!("{have} .have\n").as_bytes()));
    }
    out.extend_from_slice(rest.get(length..).unwrap_or_default());
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<u8> {
        packet(text.as_bytes())
    }

    #[test]
    fn commands_are_read_when_complete() {
        let (a, b) = ("a".repeat(40), "0".repeat(40));
        let mut bytes = line(&format!(
            "{b} {a} refs/heads/x\0 report-status side-band-64k"
        ));
        bytes.extend(line(&format!("{b} {a} refs/heads/y")));
        assert_eq!(parse_commands(&bytes).unwrap(), None);
        bytes.extend_from_slice(b"0000PACK");
        let read = parse_commands(&bytes).unwrap().unwrap();
        assert!(read.report_status && read.side_band);
        assert_eq!(
            read.list
                .iter()
                .map(|c| c.name.as_str())
                .collect::<Vec<_>>(),
            ["refs/heads/x", "refs/heads/y"]
        );
        for end in 0..bytes.len() - 8 {
            assert_eq!(parse_commands(&bytes[..end]).unwrap(), None, "{end}");
        }
    }

    #[test]
    fn what_no_client_sends_is_refused() {
        let (a, b) = ("a".repeat(40), "0".repeat(40));
        let hostile = [
            line(&format!("{b} {a} ../../config")),
            line(&format!("{b} {a} HEAD")),
            line("push-cert\0x"),
            line("shallow x"),
            line("nothing"),
            b"zzzz".to_vec(),
            b"0001".to_vec(),
            b"+004".to_vec(),
            line(&format!("{b} {a} refs/heads/a\nb")),
            packet(b"\xff\xfe"),
        ];
        for bytes in hostile {
            let refused = parse_commands(&bytes);
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
        }
    }

    #[test]
    fn a_have_replaces_the_empty_list() {
        let zero = "0".repeat(40);
        let mut bytes = line("# service=git-receive-pack\n");
        bytes.extend_from_slice(b"0000");
        bytes.extend(line(&format!("{zero} capabilities^{{}}\0report-status\n")));
        bytes.extend_from_slice(b"0000");
        let have: Oid = "b".repeat(40).parse().unwrap();
        let text = String::from_utf8(add_haves(&bytes, &[have]).unwrap().to_vec()).unwrap();
        assert!(
            text.ends_with(&format!("{} .have\0report-status\n0000", "b".repeat(40))),
            "{text}"
        );
        assert!(!text.contains("capabilities^{}"));
    }
}
