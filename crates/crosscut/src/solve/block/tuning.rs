//! [`Tuning`]: the numbers by which the parts of the method are balanced against each other.

/// Fractions and counts, each with what it does. They were chosen with the commands that the
/// crate's `CONTRIBUTING.md` names for speed: passes and seconds of `race` (tables with centred
/// features) and of `arrives` (raw tables, C over ten decades).
pub(super) struct Tuning {
    /// Approximate passes end when the gap over cached planes is this fraction of the gap that the
    /// exact pass has met, …
    pub settled: f64,
    /// … or this fraction of the gap at which training stops.
    pub left: f64,
    /// After the first exact passes there are fewer approximate ones, as many as `early` ·
    /// `early_growth`^pass at most: what the first planes are fitted to does not last.
    pub early: f64,
    /// See `early`.
    pub early_growth: f64,
    /// Blocks with a gap of at most this fraction of that at which no step is taken are at rest:
    /// the first approximate pass leaves them out.
    pub at_rest: f64,
    /// The first of so many approximate passes recombines planes, …
    pub recombining: usize,
    /// … if the new plane raises the gap of its block by so many times that at which no step is
    /// taken; …
    pub worthwhile: f64,
    /// … and if fewer than this fraction of the blocks got one, no other pass does before the next
    /// exact one.
    pub fruitful: f64,
    /// The dual over all planes is solved to this fraction of the gap that was met, or of the dual
    /// value, …
    pub loose: f64,
    /// … and no finer than this fraction of the gap at which training stops.
    pub overshoot: f64,
    /// Acceleration starts only while the gap over cached planes is at least this fraction of the
    /// dual value, after which w is near enough, …
    pub far: f64,
    /// … and at most so many times the dual value: before that, plain steps raise it from 0 sooner;
    /// …
    pub within: f64,
    /// … only if a pass still raises D by this fraction of the gap at which training stops: with a
    /// huge C, slacks cost much that no longer show in D; …
    pub worth: f64,
    /// … only if two passes have left this fraction of the gap over cached planes; …
    pub creeping: f64,
    /// … and only if the values of all planes take so many multiplications a weight: each pass
    /// moves all weights then.
    pub accelerated: f64,
    /// Approximate passes within which acceleration must lower the gap over cached planes.
    pub patience: usize,
    /// Accelerated passes after which all blocks are visited, and not only those that were off when
    /// last seen.
    pub look_again: usize,
    /// To what fraction of its violation the small dual of a block is solved in exact passes, where
    /// a plane may soon be merged.
    pub fine: f64,
    /// The same in approximate passes.
    pub rough: f64,
    /// If a certificate is expected to show so many times the gap at which training stops, every
    /// pass certifies: near the optimum w hardly moves within a pass, and oracles that all see one
    /// w, or an average, show planes as good as any.
    pub near: f64,
    /// The longest run of exact passes without a certificate: a pass that certifies takes no steps.
    pub uncertified: u32,
    /// The same before the first certificate: a short training can do without.
    pub first_uncertified: u32,
    /// Certificates in a row that improve neither bound before training ends for want of precision.
    pub stuck: u32,
    /// Blocks whose memory is fetched together.
    pub touched: usize,
    /// If P(0) is more than so many times D, a certificate is for a longer w, with smaller slacks.
    pub huge: f64,
    /// Oracles called between two ticks of a certifying pass, at least.
    pub slice: usize,
}

pub(super) const TUNING: Tuning = Tuning {
    settled: 0.1,
    left: 0.3,
    early: 4.0,
    early_growth: 1.5,
    at_rest: 0.1,
    recombining: 3,
    worthwhile: 3.0,
    fruitful: 0.1,
    loose: 0.3,
    overshoot: 0.1,
    far: 0.01,
    within: 3.0,
    worth: 1e-4,
    creeping: 0.6,
    accelerated: 8.0,
    patience: 100,
    look_again: 3,
    fine: 0.01,
    rough: 0.1,
    near: 8.0,
    uncertified: 4,
    first_uncertified: 8,
    stuck: 10,
    touched: 8,
    huge: 100.0,
    slice: 512,
};
