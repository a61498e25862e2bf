//! How values of the core are written in columns, and read back.
//!
//! The integers are stored: they must never change their meaning.

use std::str::FromStr;

use devlab_core::ask::AskKind;
use devlab_core::attempt::{AttemptKind, AttemptState, Failure, Phase};
use devlab_core::auth::Role;
use devlab_core::check::Isolation;
use devlab_core::choice::Choice;
use devlab_core::event::EventKind;
use devlab_core::id::Id;
use devlab_core::patch::{PatchState, Verdict};
use devlab_core::plan::PlanState;
use devlab_core::policy::Level;
use devlab_core::state::{ResumeTo, State, StateName, TaskKind, WaitReason};
use devlab_core::task::{Proof, Tries};
use devlab_core::train::CandidateState;
use devlab_core::{Oid, TaskId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::error::{DbError, DbResult};
use super::{Param, Row};

/// An enumeration stored as an integer.
pub(crate) trait Code: Copy + 'static {
    /// All of its values.
    const ALL: &'static [Self];
    /// The stored integer.
    fn code(self) -> i64;

    /// The value of a stored integer.
    fn decode(code: i64) -> DbResult<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|value| value.code() == code)
            .ok_or_else(|| DbError::Damaged(format!("{} = {code}", std::any::type_name::<Self>())))
    }
}

impl Code for StateName {
    const ALL: &'static [Self] = &Self::ALL;
    fn code(self) -> i64 {
        match self {
            Self::Draft => 0,
            Self::Blocked => 1,
            Self::Ready => 2,
            Self::Running => 3,
            Self::Integrating => 4,
            Self::Waiting => 5,
            Self::Done => 6,
            Self::Failed => 7,
            Self::Cancelled => 8,
        }
    }
}

impl Code for TaskKind {
    const ALL: &'static [Self] = &[Self::Leaf, Self::Composite];
    fn code(self) -> i64 {
        match self {
            Self::Leaf => 0,
            Self::Composite => 1,
        }
    }
}

impl Code for WaitReason {
    const ALL: &'static [Self] = &[
        Self::Approval,
        Self::Question,
        Self::Permission,
        Self::Review,
        Self::Budget,
        Self::Attention,
    ];
    fn code(self) -> i64 {
        match self {
            Self::Approval => 0,
            Self::Question => 1,
            Self::Permission => 2,
            Self::Review => 3,
            Self::Budget => 4,
            Self::Attention => 5,
        }
    }
}

impl Code for ResumeTo {
    const ALL: &'static [Self] = &[Self::Ready, Self::Running, Self::Integrating];
    fn code(self) -> i64 {
        match self {
            Self::Ready => 0,
            Self::Running => 1,
            Self::Integrating => 2,
        }
    }
}

impl Code for Proof {
    const ALL: &'static [Self] = &[Self::Open, Self::Proven, Self::Unproven];
    fn code(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Proven => 1,
            Self::Unproven => 2,
        }
    }
}

impl Code for AttemptKind {
    const ALL: &'static [Self] = &[Self::Work, Self::Verify];
    fn code(self) -> i64 {
        match self {
            Self::Work => 0,
            Self::Verify => 1,
        }
    }
}

impl Code for AttemptState {
    const ALL: &'static [Self] = &[
        Self::Live,
        Self::Lost,
        Self::Superseded,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Asked,
    ];
    fn code(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Lost => 1,
            Self::Superseded => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
            Self::Asked => 6,
        }
    }
}

impl Code for Phase {
    const ALL: &'static [Self] = &[
        Self::Preparing,
        Self::Driving,
        Self::Delivering,
        Self::Checking,
    ];
    fn code(self) -> i64 {
        match self {
            Self::Preparing => 0,
            Self::Driving => 1,
            Self::Delivering => 2,
            Self::Checking => 3,
        }
    }
}

impl Code for Failure {
    const ALL: &'static [Self] = &[Self::Lost, Self::Driver, Self::Check];
    fn code(self) -> i64 {
        match self {
            Self::Lost => 0,
            Self::Driver => 1,
            Self::Check => 2,
        }
    }
}

impl Code for CandidateState {
    const ALL: &'static [Self] = &[
        Self::Building,
        Self::Verifying,
        Self::Publishing,
        Self::Published,
        Self::Rejected,
    ];
    fn code(self) -> i64 {
        match self {
            Self::Building => 0,
            Self::Verifying => 1,
            Self::Publishing => 2,
            Self::Published => 3,
            Self::Rejected => 4,
        }
    }
}

impl Code for Isolation {
    const ALL: &'static [Self] = &[Self::Process];
    fn code(self) -> i64 {
        match self {
            Self::Process => 0,
        }
    }
}

impl Code for PatchState {
    const ALL: &'static [Self] = &[Self::Open, Self::Merged, Self::Closed];
    fn code(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Merged => 1,
            Self::Closed => 2,
        }
    }
}

impl Code for PlanState {
    const ALL: &'static [Self] = &Self::ALL;
    fn code(self) -> i64 {
        match self {
            Self::Proposed => 0,
            Self::Current => 1,
            Self::Superseded => 2,
            Self::Rejected => 3,
        }
    }
}

impl Code for Verdict {
    const ALL: &'static [Self] = &[Self::Accept, Self::Reject];
    fn code(self) -> i64 {
        match self {
            Self::Accept => 0,
            Self::Reject => 1,
        }
    }
}

impl Code for Role {
    const ALL: &'static [Self] = &Self::ALL;
    fn code(self) -> i64 {
        match self {
            Self::Admin => 0,
            Self::Operator => 1,
            Self::Viewer => 2,
            Self::Agent => 3,
            Self::Metrics => 4,
        }
    }
}

impl Code for EventKind {
    const ALL: &'static [Self] = &Self::ALL;
    fn code(self) -> i64 {
        match self {
            Self::OrgCreated => 0,
            Self::ProjectCreated => 1,
            Self::ProjectPushed => 2,
            Self::TaskCreated => 3,
            Self::TaskState => 4,
            Self::TaskUpdated => 5,
            Self::AttemptPhase => 6,
            Self::AttemptState => 7,
            Self::AttemptVerify => 8,
            Self::CandidateState => 9,
            Self::PatchState => 10,
            Self::PatchComment => 11,
            Self::AgentRegistered => 12,
            Self::AgentState => 13,
            Self::ProjectMoved => 14,
            Self::PlanState => 15,
            Self::PolicySet => 16,
            Self::TaskAsked => 17,
            Self::TaskAnswered => 18,
            Self::TaskChosen => 19,
            Self::TaskConflict => 20,
        }
    }
}

impl Code for AskKind {
    const ALL: &'static [Self] = &Self::ALL;
    fn code(self) -> i64 {
        match self {
            Self::Start => 0,
            Self::Publication => 1,
            Self::Question => 2,
            Self::Permission => 3,
            Self::Choice => 4,
        }
    }
}

/// What a task has to do with a choice; a composite's has [`chosen`] besides it.
pub(crate) fn choice_code(choice: Option<Choice>) -> Option<i64> {
    match choice? {
        Choice::Open | Choice::Taken(_) => Some(0),
        Choice::Alternative => Some(1),
    }
}

/// The alternative that was taken.
pub(crate) fn chosen(choice: Option<Choice>) -> Option<TaskId> {
    match choice? {
        Choice::Taken(id) => Some(id),
        Choice::Open | Choice::Alternative => None,
    }
}

/// The choice of its two columns.
pub(crate) fn decode_choice(code: Option<i64>, chosen: Option<TaskId>) -> DbResult<Option<Choice>> {
    match (code, chosen) {
        (None, None) => Ok(None),
        (Some(0), None) => Ok(Some(Choice::Open)),
        (Some(0), Some(id)) => Ok(Some(Choice::Taken(id))),
        (Some(1), None) => Ok(Some(Choice::Alternative)),
        _ => Err(DbError::Damaged("tasks.choice".into())),
    }
}

/// What a level is of.
pub(crate) fn level_code(level: Level) -> i64 {
    match level {
        Level::Org(_) => 0,
        Level::Project(_) => 1,
        Level::Goal(_) => 2,
    }
}

/// The level of its two columns.
pub(crate) fn decode_level(code: i64, id: Uuid) -> DbResult<Level> {
    match code {
        0 => Ok(Level::Org(Id::from_uuid(id))),
        1 => Ok(Level::Project(Id::from_uuid(id))),
        2 => Ok(Level::Goal(Id::from_uuid(id))),
        _ => Err(DbError::Damaged("policies.kind".into())),
    }
}

/// What a waiting task waits for and where it goes then, in one integer.
pub(crate) fn waits_code(state: State) -> Option<i64> {
    match state {
        State::Waiting(reason, to) => Some(reason.code() * 16 + to.code()),
        State::Draft
        | State::Blocked
        | State::Ready
        | State::Running
        | State::Integrating
        | State::Done
        | State::Failed
        | State::Cancelled => None,
    }
}

/// The state of its two columns.
pub(crate) fn decode_state(code: i64, waits: Option<i64>) -> DbResult<State> {
    Ok(match StateName::decode(code)? {
        StateName::Draft => State::Draft,
        StateName::Blocked => State::Blocked,
        StateName::Ready => State::Ready,
        StateName::Running => State::Running,
        StateName::Integrating => State::Integrating,
        StateName::Done => State::Done,
        StateName::Failed => State::Failed,
        StateName::Cancelled => State::Cancelled,
        StateName::Waiting => {
            let waits = waits.ok_or_else(|| DbError::Damaged("tasks.waits".into()))?;
            State::Waiting(
                WaitReason::decode(waits.div_euclid(16))?,
                ResumeTo::decode(waits.rem_euclid(16))?,
            )
        }
    })
}

/// Four counters of eight bits.
pub(crate) fn tries_code(tries: Tries) -> i64 {
    i64::from(u32::from_le_bytes([
        tries.lost,
        tries.check,
        tries.driver,
        tries.sent_back,
    ]))
}

/// See [`tries_code`].
pub(crate) fn decode_tries(code: i64) -> DbResult<Tries> {
    let bits = u32::try_from(code).map_err(|_| DbError::Damaged("tasks.tries".into()))?;
    let [lost, check, driver, sent_back] = bits.to_le_bytes();
    Ok(Tries {
        lost,
        check,
        driver,
        sent_back,
    })
}

/// An unsigned number as a column; SQLite has no integer above `i64::MAX`, and neither do we.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// An optional id.
pub(crate) fn opt_id<K>(id: Option<Id<K>>) -> Param<'static> {
    id.map_or(Param::Null, |id| Param::Id(id.bytes()))
}

/// An optional time.
pub(crate) fn opt_time(time: Option<Timestamp>) -> Param<'static> {
    time.map_or(Param::Null, |time| Param::Int(time.as_millis()))
}

/// Optional text.
pub(crate) fn opt_text(text: Option<&str>) -> Param<'_> {
    text.map_or(Param::Null, Param::Text)
}

/// A value as JSON text.
pub(crate) fn json<T: Serialize>(value: &T) -> DbResult<String> {
    Ok(serde_json::to_string(value)?)
}

/// Digits of an optional object id.
pub(crate) fn opt_oid(oid: Option<&Oid>) -> Option<&str> {
    oid.map(Oid::as_str)
}

/// Reads the columns of a row from left to right.
pub(crate) struct Cols<'r> {
    row: &'r dyn Row,
    at: usize,
}

impl<'r> Cols<'r> {
    pub(crate) fn new(row: &'r dyn Row) -> Self {
        Self { row, at: 0 }
    }

    fn next(&mut self) -> usize {
        self.at += 1;
        self.at - 1
    }

    fn damaged(&self) -> DbError {
        DbError::Damaged(format!("column {}", self.row.name(self.at - 1)))
    }

    fn there<T>(&self, value: Option<T>) -> DbResult<T> {
        value.ok_or_else(|| self.damaged())
    }

    pub(crate) fn id<K>(&mut self) -> DbResult<Id<K>> {
        let id = self.opt_id()?;
        self.there(id)
    }

    pub(crate) fn opt_id<K>(&mut self) -> DbResult<Option<Id<K>>> {
        let at = self.next();
        let bytes = self.row.id(at)?;
        Ok(bytes.map(|bytes| Id::from_uuid(Uuid::from_bytes(bytes))))
    }

    pub(crate) fn int<T: TryFrom<i64>>(&mut self) -> DbResult<T> {
        let value = self.opt_int()?;
        let value = self.there(value)?;
        T::try_from(value).map_err(|_| self.damaged())
    }

    pub(crate) fn opt_int(&mut self) -> DbResult<Option<i64>> {
        let at = self.next();
        self.row.int(at)
    }

    pub(crate) fn flag(&mut self) -> DbResult<bool> {
        let at = self.next();
        let flag = self.row.flag(at)?;
        self.there(flag)
    }

    pub(crate) fn time(&mut self) -> DbResult<Timestamp> {
        self.int().map(Timestamp::from_millis)
    }

    pub(crate) fn opt_time(&mut self) -> DbResult<Option<Timestamp>> {
        Ok(self.opt_int()?.map(Timestamp::from_millis))
    }

    pub(crate) fn code<E: Code>(&mut self) -> DbResult<E> {
        E::decode(self.int()?)
    }

    pub(crate) fn opt_code<E: Code>(&mut self) -> DbResult<Option<E>> {
        self.opt_int()?.map(E::decode).transpose()
    }

    fn str(&mut self) -> DbResult<Option<&'r str>> {
        let at = self.next();
        self.row.text(at)
    }

    /// Bytes, as they are.
    pub(crate) fn bytes(&mut self) -> DbResult<&'r [u8]> {
        let at = self.next();
        let bytes = self.row.bytes(at)?;
        self.there(bytes)
    }

    pub(crate) fn text(&mut self) -> DbResult<String> {
        let text = self.str()?;
        self.there(text).map(str::to_owned)
    }

    pub(crate) fn opt_text(&mut self) -> DbResult<Option<String>> {
        Ok(self.str()?.map(str::to_owned))
    }

    /// A value with a text form that is checked when it is read: object ids, hashes, names.
    pub(crate) fn parsed<T: FromStr>(&mut self) -> DbResult<T> {
        let value = self.opt_parsed()?;
        self.there(value)
    }

    pub(crate) fn opt_parsed<T: FromStr>(&mut self) -> DbResult<Option<T>> {
        let text = self.str()?;
        text.map(|text| text.parse().map_err(|_| self.damaged()))
            .transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> DbResult<T> {
        let value = self.opt_json()?;
        self.there(value)
    }

    pub(crate) fn opt_json<T: DeserializeOwned>(&mut self) -> DbResult<Option<T>> {
        Ok(self.str()?.map(serde_json::from_str).transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes_are_distinct<E: Code + PartialEq + std::fmt::Debug>() {
        for value in E::ALL {
            assert_eq!(E::decode(value.code()).unwrap(), *value);
        }
        assert!(E::decode(-1).is_err());
    }

    #[test]
    fn every_enumeration_comes_back() {
        codes_are_distinct::<StateName>();
        codes_are_distinct::<TaskKind>();
        codes_are_distinct::<WaitReason>();
        codes_are_distinct::<ResumeTo>();
        codes_are_distinct::<Proof>();
        codes_are_distinct::<AttemptKind>();
        codes_are_distinct::<AttemptState>();
        codes_are_distinct::<Phase>();
        codes_are_distinct::<Failure>();
        codes_are_distinct::<CandidateState>();
        codes_are_distinct::<Isolation>();
        codes_are_distinct::<PatchState>();
        codes_are_distinct::<PlanState>();
        codes_are_distinct::<Verdict>();
        codes_are_distinct::<Role>();
        codes_are_distinct::<EventKind>();
        codes_are_distinct::<AskKind>();
    }

    #[test]
    fn tries_and_waiting_states_come_back() {
        let tries = Tries {
            lost: 255,
            check: 1,
            driver: 0,
            sent_back: 128,
        };
        assert_eq!(decode_tries(tries_code(tries)).unwrap(), tries);
        for reason in WaitReason::ALL {
            for to in ResumeTo::ALL {
                let state = State::Waiting(*reason, *to);
                let back = decode_state(state.name().code(), waits_code(state)).unwrap();
                assert_eq!(back, state);
            }
        }
        assert!(decode_state(StateName::Waiting.code(), None).is_err());
    }
}
