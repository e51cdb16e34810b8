//! [`PartsApplication`]: what a structure by parts adds to become a program.

use std::io;

use crosscut::{Example, Parts, Sum};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::application::{Application, Item, OptionSpec, Options};
use crate::error::Error;
use crate::source::Source;

/// A structure by [parts](Parts) with a file format. [`Sum`] of it is an [`Application`]: the row
/// of a program's table is `Entry::of::<Sum<P>>()`.
pub trait PartsApplication: Parts + Serialize + DeserializeOwned + 'static {
    /// As [`Application::NAME`].
    const NAME: &'static str;
    /// As [`Application::ABOUT`].
    const ABOUT: &'static str;
    /// As [`Application::SCHEMA`].
    const SCHEMA: u32 = 1;
    /// As [`Application::OPTIONS`].
    const OPTIONS: &'static [OptionSpec] = &[];

    /// As [`Application::define`].
    ///
    /// # Errors
    /// Bad options, and bad lines by file and number.
    fn define(options: &Options, source: Source<'_>) -> Result<(Self, PartsExamples<Self>), Error>;

    /// As [`Application::read`].
    ///
    /// # Errors
    /// Bad lines by file and number.
    fn read(&self, source: Source<'_>) -> Result<PartsItems<Self>, Error>;

    /// As [`Application::write`].
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(&self, x: &Self::Input, y: &Self::Output, out: &mut dyn io::Write) -> io::Result<()>;

    /// As [`Application::differs_from`].
    fn differs_from(&self, prior: &Self) -> Option<String> {
        let _ = prior;
        None
    }

    /// As [`Application::weight_name`].
    fn weight_name(&self, index: usize) -> String {
        index.to_string()
    }
}

/// The training examples of a structure by parts.
pub type PartsExamples<P> = Vec<Example<<P as Parts>::Input, <P as Parts>::Output>>;

/// The examples of a structure by parts, labelled or not.
pub type PartsItems<P> = Vec<Item<<P as Parts>::Input, <P as Parts>::Output>>;

impl<P: PartsApplication> Application for Sum<P> {
    const NAME: &'static str = P::NAME;
    const ABOUT: &'static str = P::ABOUT;
    const SCHEMA: u32 = P::SCHEMA;
    const OPTIONS: &'static [OptionSpec] = P::OPTIONS;

    fn define(options: &Options, source: Source<'_>) -> Result<(Self, PartsExamples<P>), Error> {
        let (parts, examples) = P::define(options, source)?;
        Ok((Sum(parts), examples))
    }

    fn read(&self, source: Source<'_>) -> Result<PartsItems<P>, Error> {
        self.0.read(source)
    }

    fn write(
        &self,
        _: &[f64],
        x: &P::Input,
        y_hat: &P::Output,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        PartsApplication::write(&self.0, x, y_hat, out)
    }

    fn differs_from(&self, prior: &Self) -> Option<String> {
        self.0.differs_from(&prior.0)
    }

    fn weight_name(&self, index: usize) -> String {
        self.0.weight_name(index)
    }
}
