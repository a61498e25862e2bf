//! How columns are written in records, and read back.

use devlab_core::id::{Id, Kind};
use devlab_core::state::{ResumeTo, WaitReason};
use devlab_core::task::Tries;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::sql::Param;
use crate::sql::codec::{Code, Cols, decode_tries, tries_code};
use crate::sql::error::{DbError, DbResult};

/// Numbers that a store gives out one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Task,
    Event,
    Feedback,
    Attempt,
    TrainEntry,
    Candidate,
    Receipt,
    Audit,
}

/// What a column holds, and so how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// An id, as the API shows it.
    Id(fn(Uuid) -> String, fn(&str) -> Option<Uuid>),
    /// A place in a sequence.
    Seq(Space),
    /// A number.
    Int,
    /// Milliseconds since the Unix epoch.
    Time,
    /// A truth value.
    Flag,
    /// Text.
    Text,
    /// JSON that is stored as text, as it is.
    Json,
    /// An enumeration, as its word.
    Word(fn(i64) -> DbResult<String>, fn(&str) -> Option<i64>),
}

/// A value of a column, between a database and a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Flag(bool),
    Text(String),
    Id([u8; 16]),
}

impl Value {
    pub(crate) fn param(&self) -> Param<'_> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(*value),
            Self::Flag(value) => Param::Flag(*value),
            Self::Text(value) => Param::Text(value),
            Self::Id(value) => Param::Id(*value),
        }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + size_of::<Self>(),
            Self::Null | Self::Int(_) | Self::Flag(_) | Self::Id(_) => size_of::<Self>(),
        }
    }
}

pub(crate) const INT: Form = Form::Int;
pub(crate) const TIME: Form = Form::Time;
pub(crate) const FLAG: Form = Form::Flag;
pub(crate) const TEXT: Form = Form::Text;
pub(crate) const JSON: Form = Form::Json;

fn show_id<K: Kind>(id: Uuid) -> String {
    Id::<K>::from_uuid(id).to_string()
}

fn read_id<K: Kind>(text: &str) -> Option<Uuid> {
    text.parse::<Id<K>>().ok().map(Id::uuid)
}

pub(crate) const fn id<K: Kind>() -> Form {
    Form::Id(show_id::<K>, read_id::<K>)
}

/// An id whose kind another column tells.
pub(crate) const ANY_ID: Form = Form::Id(
    |id| id.simple().to_string(),
    |text| Uuid::try_parse(text).ok(),
);

fn word_of<E: Code + Serialize>(code: i64) -> DbResult<String> {
    match serde_json::to_value(E::decode(code)?)? {
        serde_json::Value::String(word) => Ok(word),
        _ => Err(DbError::Damaged(format!(
            "{} = {code}",
            std::any::type_name::<E>()
        ))),
    }
}

fn code_of<E: Code + Serialize>(word: &str) -> Option<i64> {
    let mut all = E::ALL.iter().map(|value| value.code());
    all.find(|code| word_of::<E>(*code).is_ok_and(|known| known == word))
}

pub(crate) const fn word<E: Code + Serialize>() -> Form {
    Form::Word(word_of::<E>, code_of::<E>)
}

/// What a waiting task waits for, and where it goes then: `review>integrating`.
pub(crate) const WAITS: Form = Form::Word(
    |code| {
        let reason = word_of::<WaitReason>(code.div_euclid(16))?;
        Ok(format!(
            "{reason}>{}",
            word_of::<ResumeTo>(code.rem_euclid(16))?
        ))
    },
    |word| {
        let (reason, to) = word.split_once('>')?;
        Some(code_of::<WaitReason>(reason)? * 16 + code_of::<ResumeTo>(to)?)
    },
);

/// What a task has to do with a choice: `among` its children, or as an `alternative`.
pub(crate) const CHOICE: Form = Form::Word(
    |code| match CHOICES.iter().find(|(known, _)| *known == code) {
        Some((_, word)) => Ok((*word).to_owned()),
        None => Err(DbError::Damaged("tasks.choice".into())),
    },
    |word| {
        let found = CHOICES.iter().find(|(_, known)| *known == word);
        found.map(|(code, _)| *code)
    },
);
/// What was asked about a review: `nothing`, `none` or `one`.
pub(crate) const ASKED: Form = Form::Word(
    |code| match ASKINGS.iter().find(|(known, _)| *known == code) {
        Some((_, word)) => Ok((*word).to_owned()),
        None => Err(DbError::Damaged("tasks.asked".into())),
    },
    |word| {
        let found = ASKINGS.iter().find(|(_, known)| *known == word);
        found.map(|(code, _)| *code)
    },
);
const ASKINGS: [(i64, &str); 3] = [(0, "nothing"), (1, "none"), (2, "one")];
const CHOICES: [(i64, &str); 2] = [(0, "among"), (1, "alternative")];

/// Whose policy it is: `org`, `project` or `goal`.
pub(crate) const LEVEL: Form = Form::Word(
    |code| match LEVELS.iter().find(|(known, _)| *known == code) {
        Some((_, word)) => Ok((*word).to_owned()),
        None => Err(DbError::Damaged("policies.kind".into())),
    },
    |word| {
        let found = LEVELS.iter().find(|(_, known)| *known == word);
        found.map(|(code, _)| *code)
    },
);
const LEVELS: [(i64, &str); 3] = [(0, "org"), (1, "project"), (2, "goal")];

/// Four counters: `lost 0, check 1, driver 0, sent_back 0`.
pub(crate) const TRIES: Form = Form::Word(
    |code| {
        let Tries {
            lost,
            check,
            driver,
            sent_back,
        } = decode_tries(code)?;
        Ok(format!(
            "lost {lost}, check {check}, driver {driver}, sent_back {sent_back}"
        ))
    },
    |word| {
        let mut parts = word.split(", ");
        let mut part = |name: &str| -> Option<u8> {
            let (given, count) = parts.next()?.split_once(' ')?;
            (given == name).then(|| count.parse().ok()).flatten()
        };
        let tries = Tries {
            lost: part("lost")?,
            check: part("check")?,
            driver: part("driver")?,
            sent_back: part("sent_back")?,
        };
        parts.next().is_none().then(|| tries_code(tries))
    },
);

/// Writes the next column of a row as JSON.
pub(crate) fn write(form: Form, cols: &mut Cols<'_>, out: &mut Vec<u8>) -> DbResult<()> {
    match form {
        Form::Id(show, _) => {
            let id = cols.opt_id::<devlab_core::id::kind::Org>()?;
            put(out, &id.map(|id| show(id.uuid())))
        }
        Form::Seq(_) | Form::Int | Form::Time => put(out, &cols.opt_int()?),
        Form::Flag => put(out, &cols.flag()?),
        Form::Text => put(out, &cols.opt_text()?),
        Form::Json => match cols.opt_text()? {
            None => put(out, &()),
            Some(text) => put(out, &RawValue::from_string(text)?),
        },
        Form::Word(show, _) => put(out, &cols.opt_int()?.map(show).transpose()?),
    }
}

fn put(out: &mut Vec<u8>, value: &impl Serialize) -> DbResult<()> {
    Ok(serde_json::to_writer(out, value)?)
}

/// Reads a column of a record; `None` if it is not what the form says.
pub(crate) fn read(form: Form, raw: &RawValue) -> Option<Value> {
    let text = raw.get();
    if text == "null" {
        return Some(Value::Null);
    }
    let string = || serde_json::from_str::<String>(text).ok();
    Some(match form {
        Form::Id(_, read) => Value::Id(read(&string()?)?.into_bytes()),
        Form::Seq(_) | Form::Int | Form::Time => Value::Int(serde_json::from_str(text).ok()?),
        Form::Flag => Value::Flag(serde_json::from_str(text).ok()?),
        Form::Text => Value::Text(string()?),
        Form::Json => Value::Text(text.to_owned()),
        Form::Word(_, read) => Value::Int(read(&string()?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlab_core::event::EventKind;
    use devlab_core::id::kind;

    #[test]
    fn every_word_is_read_back() {
        for event in EventKind::ALL {
            assert_eq!(word_of::<EventKind>(event.code()).unwrap(), event.as_str());
            assert_eq!(code_of::<EventKind>(event.as_str()), Some(event.code()));
        }
        let words = |form: Form, code: i64| match form {
            Form::Word(show, read) => {
                let word = show(code).unwrap();
                assert_eq!(read(&word), Some(code), "{word}");
                word
            }
            _ => panic!("{form:?}"),
        };
        assert_eq!(words(WAITS, 3 * 16 + 2), "review>integrating");
        let tries = words(TRIES, 0x80_00_01_ff);
        assert_eq!(tries, "lost 255, check 1, driver 0, sent_back 128");
    }

    #[test]
    fn what_does_not_fit_its_form_is_refused() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        for (form, bad) in [
            (id::<kind::Task>(), "\"org_01h0000000000000000000000a\""),
            (Form::Int, "\"1\""),
            (Form::Flag, "1"),
            (Form::Text, "1"),
            (word::<EventKind>(), "\"nothing\""),
            (WAITS, "\"review\""),
            (TRIES, "\"lost 0, check 1, driver 0\""),
            (TRIES, "\"lost 0, check 1, driver 0, sent_back 0, more 1\""),
        ] {
            assert_eq!(read(form, &raw(bad)), None, "{bad}");
        }
        let json = "{\"b\":1.50,\"a\":[]}";
        assert_eq!(
            read(Form::Json, &raw(json)),
            Some(Value::Text(json.to_owned()))
        );
    }
}
