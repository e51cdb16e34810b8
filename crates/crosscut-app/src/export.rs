//! [`write()`]: a model as JSON text, from which another program can predict.
//!
//! `docs/export.md` describes the format. The text is written piece by piece, in an order that
//! depends on nothing but the model, and its numbers read back as the same doubles.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crosscut::{Model, Task};

use crate::format::Format;
use crate::item::Role;

/// The name of the format.
pub const FORMAT: &str = "crosscut-export";
/// Its version. It is raised if a reader of the former version would predict something else.
pub const VERSION: u32 = 1;

/// A JSON object that is written field by field.
pub struct Fields<'o> {
    out: &'o mut dyn Write,
    any: bool,
}

impl<'o> Fields<'o> {
    fn begin(out: &'o mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self { out, any: false })
    }

    /// Writes a field. Each name may be written once.
    ///
    /// # Errors
    /// Those of the output, and of a value that JSON has no form for.
    pub fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut *self.out, value)?)
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.out.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        serde_json::to_writer(&mut *self.out, name)?;
        self.out.write_all(b": ")
    }

    /// A field whose value is an object, a field of it a line.
    fn object(&mut self, name: &str) -> io::Result<Fields<'_>> {
        self.name(name)?;
        Fields::begin(&mut *self.out)
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"\n}")
    }
}

/// Writes a model.
///
/// # Errors
/// Those of `out`.
pub fn write<F: Format>(format: &F, model: &Model<F::Task>, out: &mut dyn Write) -> io::Result<()> {
    let Model { task, w, .. } = model;
    let mut fields = Fields::begin(out)?;
    fields.field("format", FORMAT)?;
    fields.field("version", &VERSION)?;
    fields.field("task", F::NAME)?;
    fields.field("objective", &task.objective())?;
    let labels = format.labels(task);
    fields.field("labels", &labels)?;
    format.export(task, &mut fields)?;
    let names = Names {
        labels,
        role: &|index| format.role(task, index),
        feature: &|feature| format.feature_name(task, feature),
    };
    names.write_weights(w, &mut fields)?;
    fields.end()?;
    out.write_all(b"\n")
}

/// Names of the weights of any task.
struct Names<'n> {
    labels: Vec<&'n str>,
    role: &'n dyn Fn(usize) -> Role,
    feature: &'n dyn Fn(usize) -> Cow<'n, str>,
}

impl Names<'_> {
    /// Writes the weights that are not 0, in the order of `w` for each label.
    fn write_weights(&self, w: &[f64], fields: &mut Fields<'_>) -> io::Result<()> {
        // Indices of weights: by label, of a label alone, of several labels with and without a
        // feature.
        let mut single = vec![Vec::new(); self.labels.len().max(1)];
        let (mut alone, mut pairs, mut transitions) = (Vec::new(), Vec::new(), Vec::new());
        for index in (0..w.len()).filter(|&index| w[index] != 0.0) {
            let Role { labels, feature } = (self.role)(index);
            match (labels.as_slice(), feature) {
                ([], _) => single[0].push(index),
                ([label], Some(_)) => single[*label].push(index),
                ([_], None) => alone.push(index),
                ([_, _, ..], Some(_)) => pairs.push(index),
                ([_, _, ..], None) => transitions.push(index),
            }
        }
        if self.labels.is_empty() {
            fields.field("weights", &self.by_feature(w, &single[0]))?;
        } else {
            let mut by_label = fields.object("weights")?;
            for (label, indices) in self.labels.iter().zip(&single) {
                by_label.field(label, &self.by_feature(w, indices))?;
            }
            by_label.end()?;
        }
        if !alone.is_empty() {
            fields.field("bias_weights", &self.by_label(w, &alone))?;
        }
        if !pairs.is_empty() {
            fields.field("pair_weights", &self.tuples(w, &pairs))?;
        }
        if !transitions.is_empty() {
            fields.field("transitions", &self.tuples(w, &transitions))?;
        }
        Ok(())
    }

    /// An object from feature to weight.
    fn by_feature<'w>(&'w self, w: &'w [f64], indices: &'w [usize]) -> impl Serialize + 'w {
        let entry = move |&index: &usize| {
            let feature = (self.role)(index).feature.unwrap_or(index);
            ((self.feature)(feature), w[index])
        };
        Map(move || indices.iter().map(entry))
    }

    /// An object from label to weight.
    fn by_label<'w>(&'w self, w: &'w [f64], indices: &'w [usize]) -> impl Serialize + 'w {
        let entry = move |&index: &usize| {
            let label = (self.role)(index).labels.last().map_or("", |&label| self.labels[label]);
            (label, w[index])
        };
        Map(move || indices.iter().map(entry))
    }

    /// A list of lists: the labels, the feature if there is one, the weight.
    fn tuples<'w>(&'w self, w: &'w [f64], indices: &'w [usize]) -> impl Serialize + 'w {
        List(move || {
            indices.iter().map(move |&index| Tuple { names: self, index, weight: w[index] })
        })
    }
}

/// A weight of several labels.
struct Tuple<'t, 'n> {
    names: &'t Names<'n>,
    index: usize,
    weight: f64,
}

impl Serialize for Tuple<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Role { labels, feature } = (self.names.role)(self.index);
        let mut tuple = serializer.serialize_seq(None)?;
        for label in labels {
            tuple.serialize_element(self.names.labels[label])?;
        }
        if let Some(feature) = feature {
            tuple.serialize_element(&(self.names.feature)(feature))?;
        }
        tuple.serialize_element(&self.weight)?;
        tuple.end()
    }
}

/// A JSON object made of names and values, one after the other.
pub struct Map<F>(pub F);

impl<F: Fn() -> I, I: Iterator<Item = (K, V)>, K: Serialize, V: Serialize> Serialize for Map<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in (self.0)() {
            map.serialize_entry(&name, &value)?;
        }
        map.end()
    }
}

/// A JSON list, made one element after the other.
pub struct List<F>(pub F);

impl<F: Fn() -> I, I: Iterator<Item = V>, V: Serialize> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for value in (self.0)() {
            list.serialize_element(&value)?;
        }
        list.end()
    }
}
