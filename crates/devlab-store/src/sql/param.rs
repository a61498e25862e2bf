//! Values that statements are given.

use devlab_core::id::Id;

/// A value for one parameter of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Param<'a> {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A truth value.
    Flag(bool),
    /// Text.
    Text(&'a str),
    /// An id.
    Id([u8; 16]),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What can be a parameter.
pub(crate) trait ToParam {
    /// This value as a parameter.
    fn param(&self) -> Param<'_>;
}

impl ToParam for Param<'_> {
    fn param(&self) -> Param<'_> {
        *self
    }
}
impl ToParam for bool {
    fn param(&self) -> Param<'_> {
        Param::Flag(*self)
    }
}
impl ToParam for str {
    fn param(&self) -> Param<'_> {
        Param::Text(self)
    }
}
impl ToParam for String {
    fn param(&self) -> Param<'_> {
        Param::Text(self)
    }
}
impl ToParam for [u8; 16] {
    fn param(&self) -> Param<'_> {
        Param::Id(*self)
    }
}
impl ToParam for [u8] {
    fn param(&self) -> Param<'_> {
        Param::Bytes(self)
    }
}
impl<K> ToParam for Id<K> {
    fn param(&self) -> Param<'_> {
        Param::Id(self.bytes())
    }
}
impl<T: ToParam + ?Sized> ToParam for &T {
    fn param(&self) -> Param<'_> {
        (**self).param()
    }
}
impl<T: ToParam> ToParam for Option<T> {
    fn param(&self) -> Param<'_> {
        self.as_ref().map_or(Param::Null, ToParam::param)
    }
}

macro_rules! ints {
    ($($int:ty),*) => {$(
        impl ToParam for $int {
            fn param(&self) -> Param<'_> {
                Param::Int(i64::from(*self))
            }
        }
    )*};
}
ints!(i64, i32, i16, u8, u16, u32);

/// Parameters of a statement, from values of any kinds.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::sql::ToParam::param(&$value)),*]
    };
}
pub(crate) use params;
