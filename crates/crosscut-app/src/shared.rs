//! [`Shared`]: what the pieces of a file have in common.

use std::any::Any;
use std::mem;
use std::sync::{Mutex, PoisonError};

use crate::none_known::NoneKnown;

/// What the pieces of a file have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// See [`Source::leave`].
    left: Mutex<Option<Box<dyn Any + Send>>>,
    /// Notes that the monitor has not got yet.
    notes: Mutex<Vec<String>>,
    pub known: NoneKnown,
}

impl Shared {
    /// What was left, if it is of this type.
    pub fn inherit<T: 'static>(&self) -> Option<T> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        left.downcast().ok().map(|left| *left)
    }

    pub fn leave(&self, state: Box<dyn Any + Send>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    pub fn take_notes(&self) -> Vec<String> {
        mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn note(&self, message: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
    }
}
