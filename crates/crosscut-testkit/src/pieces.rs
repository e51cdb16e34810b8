use std::fmt::{Debug, Display};

/// Compares what is read of `text` as a whole with what is read of it in pieces of each size, errors
/// included. What a size means is up to `read`; `None` is one example at a time.
pub fn pieces_are_the_whole<T: Debug + PartialEq, E: Display>(
    text: &str,
    sizes: impl IntoIterator<Item = Option<usize>>,
    whole: Result<T, E>,
    read: impl Fn(Option<usize>) -> Result<T, E>,
) {
    let whole = whole.map_err(|error| error.to_string());
    for size in sizes {
        let pieces = read(size).map_err(|error| error.to_string());
        assert_eq!(pieces, whole, "{size:?}: {text}");
    }
}
