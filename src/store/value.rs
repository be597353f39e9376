//! What goes into a statement and what comes out: a few kinds of value, alike on both databases.
//! Columns are therefore only ever BIGINT, BOOLEAN, TEXT and BYTEA (BLOB).
use super::Error;
use crate::model::{
    ChargeId, Dialect, GrantId, Hash, KeyId, Method, ModelList, NanoDollars, Proof, Role, Source,
    TeamId, TeamRole, Terms, Timestamp, UserId,
};

/// One cell. `Bool` is what Postgres calls it; SQLite answers `Int`.
#[derive(PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// The kind only: a value may be nobody's business.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Int(_) => "integer",
            Self::Bool(_) => "boolean",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        })
    }
}

/// A type that can be bound to `$1`, `$2`, …
pub trait Param {
    fn to_value(&self) -> Value;
}

/// A type that one column can be read as. `None` means the row is corrupt.
pub trait Column: Sized {
    fn from_value(value: Value) -> Option<Self>;
}

/// A type that a whole row can be read as: a tuple, or a noun that takes its columns in order.
pub trait FromRow: Sized {
    fn from_row(row: &mut Row) -> Result<Self, Error>;
}

/// The parameters of a statement: a tuple, or `()` for none.
pub trait Params {
    fn into_values(self) -> Vec<Value>;
}

/// A row on its way into a noun.
pub struct Row {
    query: &'static str,
    values: std::vec::IntoIter<Value>,
    column: usize,
}

impl Row {
    /// Reads a noun, which must want every column there is.
    pub(super) fn read<R: FromRow>(query: &'static str, values: Vec<Value>) -> Result<R, Error> {
        let mut row = Self { query, values: values.into_iter(), column: 0 };
        let noun = R::from_row(&mut row)?;
        match row.values.len() {
            0 => Ok(noun),
            _ => Err(Error::Corrupt { query, column: row.column + 1 }),
        }
    }

    /// The next column.
    pub fn take<T: Column>(&mut self) -> Result<T, Error> {
        self.column += 1;
        let corrupt = Error::Corrupt { query: self.query, column: self.column };
        self.values.next().and_then(T::from_value).ok_or(corrupt)
    }
}

/// A noun made of one column: how it becomes a value, and how a value becomes it.
macro_rules! column {
    ($noun:ty, $kind:ident, |$this:ident| $to:expr, |$found:ident| $from:expr) => {
        impl Param for $noun {
            fn to_value(&self) -> Value {
                let $this = self;
                Value::$kind($to)
            }
        }
        impl Column for $noun {
            fn from_value(value: Value) -> Option<Self> {
                let Value::$kind($found) = value else { return None };
                $from
            }
        }
    };
}
column!(i64, Int, |n| *n, |n| Some(n));
column!(String, Text, |s| s.clone(), |s| Some(s));
column!(Vec<u8>, Bytes, |b| b.clone(), |b| Some(b));
column!(Timestamp, Int, |t| t.0, |n| Some(Self(n)));
column!(Hash, Bytes, |h| h.0.to_vec(), |b| b.try_into().ok().map(Self));
column!(UserId, Text, |id| id.as_str().into(), |s| Some(Self::named(&s)));
column!(KeyId, Text, |id| id.as_str().into(), |s| Some(Self::named(&s)));
column!(GrantId, Text, |id| id.as_str().into(), |s| Some(Self::named(&s)));
column!(TeamId, Text, |id| id.as_str().into(), |s| Some(Self::named(&s)));
column!(ChargeId, Text, |id| id.0.clone(), |s| Some(Self(s)));
column!(NanoDollars, Int, |nano| nano.0, |n| Some(Self(n)));
column!(TeamRole, Text, |role| role.name().into(), |s| Self::parse(&s));
column!(Source, Text, |source| source.name().into(), |s| Self::parse(&s));
column!(Method, Text, |method| method.name().into(), |s| Self::parse(&s));
column!(Role, Text, |role| role.name().into(), |s| Self::parse(&s));

/// A noun that no statement looks into is one column of JSON; reading judges it anew.
macro_rules! document {
    ($($noun:ty),+) => {$(
        column!(
            $noun,
            Text,
            |noun| serde_json::to_string(noun).expect("plain data is JSON"),
            |text| serde_json::from_str(&text).ok()
        );
    )+};
}
document!(crate::model::ConnectRequest, crate::model::KeptLimits, ModelList, Terms);

impl Param for Dialect {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

/// What a verifier comes to; null where there is none.
impl Param for Proof {
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

impl Param for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Column for bool {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(b),
            Value::Int(n @ (0 | 1)) => Some(n == 1),
            _ => None,
        }
    }
}

impl Param for str {
    fn to_value(&self) -> Value {
        Value::Text(self.into())
    }
}

impl<T: Param + ?Sized> Param for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}

impl<T: Param> Param for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Param::to_value)
    }
}

impl<T: Column> Column for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)+) => {$(
        impl<$($name: Param),+> Params for ($($name,)+) {
            fn into_values(self) -> Vec<Value> {
                #[expect(non_snake_case, reason = "each binding is named after its type")]
                let ($($name,)+) = self;
                vec![$($name.to_value()),+]
            }
        }
        impl<$($name: Column),+> FromRow for ($($name,)+) {
            fn from_row(row: &mut Row) -> Result<Self, Error> {
                Ok(($(row.take::<$name>()?,)+))
            }
        }
    )+};
}
tuples! {
    A; A B; A B C; A B C D; A B C D E; A B C D E F; A B C D E F G; A B C D E F G H;
    A B C D E F G H I; A B C D E F G H I J; A B C D E F G H I J K; A B C D E F G H I J K L;
    A B C D E F G H I J K L M; A B C D E F G H I J K L M N;
}

impl Params for () {
    fn into_values(self) -> Vec<Value> {
        Vec::new()
    }
}
