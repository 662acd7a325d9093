//! The enumeration that is made of the list of operators.

use super::*;
use core::fmt;

macro_rules! kinds {
    ($($code:literal $name:ident $(<$lifetime:lifetime>)?),+) => {
        /// What an operation does: one of the operators of this program.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind<'a> {
            $(
                #[doc = concat!("See [`struct@", stringify!($name), "`].")]
                #[cfg(any(not(chosen_operators), operator = $code))]
                $name($name $(<$lifetime>)?),
            )+
            /// Never: keeps the lifetime in a program without operators that have data.
            #[doc(hidden)]
            Never(core::convert::Infallible, core::marker::PhantomData<&'a ()>),
        }

        $(
            #[cfg(any(not(chosen_operators), operator = $code))]
            impl<'a> From<$name $(<$lifetime>)?> for Kind<'a> {
                fn from(operator: $name $(<$lifetime>)?) -> Self {
                    Self::$name(operator)
                }
            }
        )+

        /// Code in the list, code of the operator, and name of every operator of this program.
        pub const OPERATORS: &[(&str, u8, &str)] = &[
            $(
                #[cfg(any(not(chosen_operators), operator = $code))]
                ($code, <$name as Operator>::CODE, <$name as Operator>::NAME),
            )+
        ];

        impl<'a> Kind<'a> {
            /// Reads the fields of the operator with this code.
            ///
            /// # Errors
            /// [`OpFault::Code`] where this program has no such operator, and the operator's own.
            pub(crate) fn decode(
                code: u8,
                record: &mut Record<'a>,
                from: &[Region],
                to: &Region,
            ) -> Result<Self, OpFault> {
                $(
                    #[cfg(any(not(chosen_operators), operator = $code))]
                    if code == <$name as Operator<'a>>::CODE {
                        return <$name as Operator<'a>>::decode(record, from, to).map(Self::$name);
                    }
                )+
                let _ = (record, from, to);
                Err(OpFault::Code(code))
            }

            /// How many regions the operator with this code reads, at least and at most, and
            /// whether it may work in place; `None` where this program has no such operator.
            pub(crate) fn operands(code: u8) -> Option<([usize; 2], bool)> {
                $(
                    #[cfg(any(not(chosen_operators), operator = $code))]
                    if code == <$name as Operator<'a>>::CODE {
                        return Some((<$name as Operator>::INPUTS, <$name as Operator>::IN_PLACE));
                    }
                )+
                let _ = code;
                None
            }

            /// The number that stands for it in a program.
            pub fn code(&self) -> u8 {
                match *self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(_) => <$name as Operator>::CODE,)+
                    Self::Never(never, _) => match never {},
                }
            }

            /// What logs and tables call it.
            pub fn name(&self) -> &'static str {
                match *self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(_) => <$name as Operator>::NAME,)+
                    Self::Never(never, _) => match never {},
                }
            }

            /// See [`Operator::encode`].
            pub(crate) fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.encode(sink),)+
                    Self::Never(never, _) => match *never {},
                }
            }

            /// See [`Operator::check`].
            pub(crate) fn check(&self, from: &[Region], to: &Region) -> Result<(), OpFault> {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.check(from, to),)+
                    Self::Never(never, _) => match *never {},
                }
            }

            /// Its weights and their shape, where it has some.
            pub fn weights(
                &self,
                from: &[Region],
                to: &Region,
            ) -> Option<(Weights<'a>, WeightShape)> {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.weights(from, to),)+
                    Self::Never(never, _) => match *never {},
                }
            }

            /// Its table of constants, where it has one.
            pub fn table(&self) -> Option<&'a [u8]> {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.table(),)+
                    Self::Never(never, _) => match *never {},
                }
            }

            /// The work that it does once: see [`Operator::work`].
            pub fn work(&self, from: &[Region], to: &Region) -> u64 {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.work(from, to),)+
                    Self::Never(never, _) => match *never {},
                }
            }

            /// See [`Operator::channels_written`].
            pub fn channels_written(&self, from: &[Region], to: &Region) -> [u16; 2] {
                match self {
                    $(
                        #[cfg(any(not(chosen_operators), operator = $code))]
                        Self::$name(operator) => operator.channels_written(from, to),
                    )+
                    Self::Never(never, _) => match *never {},
                }
            }

            /// See [`Operator::block`].
            pub fn block(&self) -> Option<Block> {
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.block(),)+
                    Self::Never(never, _) => match *never {},
                }
            }
        }

        /// Its name and its attributes, for tables that people read.
        impl fmt::Display for Kind<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())?;
                match self {
                    $(#[cfg(any(not(chosen_operators), operator = $code))] Self::$name(operator) => operator.attributes(f),)+
                    Self::Never(never, _) => match *never {},
                }
            }
        }
    };
}

crate::for_each_operator!(kinds);

#[cfg(test)]
mod tests {
    use super::OPERATORS;

    #[test]
    fn codes_and_names_are_unique() {
        for (at, (listed, code, name)) in OPERATORS.iter().enumerate() {
            assert_eq!(listed.parse(), Ok(*code), "{name}");
            assert_ne!(*code, 0, "0 is no code: zeros are no program");
            for (_, other, other_name) in &OPERATORS[at + 1..] {
                assert!(code != other && name != other_name, "{name} {other_name}");
            }
        }
    }
}
