//! A borrowed task is a task.

use super::{Example, FeatureMap, Objective, Planes, Recombiner, Task};
use crate::data::{Row, Sink};

impl<T: Task + ?Sized> Task for &T {
    type Input = T::Input;
    type Output = T::Output;
    type Scratch = T::Scratch;

    fn dim(&self) -> usize {
        T::dim(self)
    }

    fn loss(&self, x: &T::Input, y: &T::Output, y_hat: &T::Output) -> f64 {
        T::loss(self, x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &T::Input, scratch: &mut T::Scratch) -> T::Output {
        T::predict(self, w, x, scratch)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a T::Input,
        y: &'a T::Output,
        scratch: &mut T::Scratch,
        planes: &mut Planes<'a>,
    ) {
        T::separate(self, w, x, y, scratch, planes);
    }

    fn separate_chunk<'a>(
        &'a self,
        w: &[f64],
        examples: &[&'a Example<T::Input, T::Output>],
        scratch: &mut T::Scratch,
        planes: &mut [Planes<'a>],
    ) {
        T::separate_chunk(self, w, examples, scratch, planes);
    }

    fn chunk(&self) -> usize {
        T::chunk(self)
    }

    fn objective(&self) -> Objective {
        T::objective(self)
    }

    fn is_relaxed(&self) -> bool {
        T::is_relaxed(self)
    }

    fn row<'a>(&'a self, x: &'a T::Input, name: u32) -> Option<Row<'a>> {
        T::row(self, x, name)
    }

    fn recombine(&self) -> Option<Recombiner<'_, T::Input, T::Output, T::Scratch>> {
        T::recombine(self)
    }

    fn first_of_equals(&self, examples: &[&Example<T::Input, T::Output>]) -> Option<Vec<usize>> {
        T::first_of_equals(self, examples)
    }

    fn validate_input(&self, x: &T::Input) -> Result<(), String> {
        T::validate_input(self, x)
    }

    fn validate(&self, x: &T::Input, y: &T::Output) -> Result<(), String> {
        T::validate(self, x, y)
    }
}

impl<T: FeatureMap + ?Sized> FeatureMap for &T {
    fn psi<'a>(&'a self, x: &'a T::Input, y: &T::Output, sink: &mut dyn Sink<'a>) {
        T::psi(self, x, y, sink);
    }

    fn plane<'a>(
        &'a self,
        x: &'a T::Input,
        y: &T::Output,
        y_bar: &T::Output,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        T::plane(self, x, y, y_bar, sink)
    }

    fn rescaled_plane<'a>(
        &'a self,
        x: &'a T::Input,
        y: &T::Output,
        y_bar: &T::Output,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        T::rescaled_plane(self, x, y, y_bar, sink)
    }

    fn score(&self, w: &[f64], x: &T::Input, y: &T::Output) -> f64 {
        T::score(self, w, x, y)
    }
}
