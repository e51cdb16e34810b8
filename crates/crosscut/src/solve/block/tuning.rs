//! [`Tuning`]: the constants that balance the parts of the method.

/// Fractions and counts that steer the method, in the units that each field says.
///
/// `cargo run --release -p crosscut-benches --bin tuning` halves and doubles each of them and prints
/// what that does to passes and time on the data that come with the sources. Large problems were
/// tuned with `race` (centred features) and `arrives` (raw tables, C over ten decades).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Approximate passes end when the gap over cached planes is at most this fraction of the gap
    /// met in the exact pass.
    pub settled: f64,
    /// Approximate passes also end when the gap over cached planes is at most this fraction of the
    /// gap at which training stops.
    pub left: f64,
    /// Cap on approximate passes after exact pass k: `early` · `early_growth`^k. Early planes are
    /// soon replaced, so fitting them closely is wasted.
    pub early: f64,
    /// See `early`.
    pub early_growth: f64,
    /// A block is at rest if its gap is at most this fraction of the gap below which no step is
    /// taken. The first approximate pass skips blocks at rest.
    pub at_rest: f64,
    /// A block that took no step in this many visits is passed over for one round, and for twice as
    /// many after each further visit without a step.
    pub screened: u8,
    /// Largest number of rounds for which a block is passed over.
    pub longest_rest: u32,
    /// An exact pass does not visit a block for which the oracle finds nothing new if the block
    /// took no step in this many visits.
    pub resting: u8,
    /// Number of approximate passes between two removals of planes out of use.
    pub tidying: usize,
    /// After this many recombinations in a row that found nothing, a block recombines less often.
    pub fruitless: u8,
    /// Steps are this many times as long as to the optimum of the small dual, in rounds of many
    /// approximate passes.
    pub longer: f64,
    /// Number of approximate passes of the last round from which on steps are longer.
    pub long_round: usize,
    /// One in this many approximate passes recombines planes, beginning with the first.
    pub recombining: usize,
    /// A recombined plane must raise the gap of its block by at least this multiple of the gap
    /// below which no step is taken.
    pub worthwhile: f64,
    /// If a recombining pass finds fewer new planes than this fraction of the blocks it visits, no
    /// pass recombines before the next exact pass.
    pub fruitful: f64,
    /// The joint solve of the dual over all planes aims at this fraction of the gap met, or of D if
    /// D is smaller.
    pub loose: f64,
    /// The joint solve aims at no less than this fraction of the gap at which training stops.
    pub overshoot: f64,
    /// Acceleration starts only if the gap over cached planes is above this fraction of D. Below
    /// it, w is close enough to the optimum.
    pub far: f64,
    /// Acceleration starts only if the gap over cached planes is below this multiple of D. Before
    /// that, plain steps raise D from 0 faster.
    pub within: f64,
    /// Acceleration starts only if a pass raises D by more than this fraction of the gap at which
    /// training stops. With a huge C, slacks can cost much although they no longer show in D.
    pub worth: f64,
    /// Acceleration starts only if the gap over cached planes is above this fraction of its value
    /// two passes ago.
    pub creeping: f64,
    /// Acceleration starts only if the values of all planes take at least this many multiplications
    /// per weight, because an accelerated pass moves all weights.
    pub accelerated: f64,
    /// Number of approximate passes within which acceleration must lower the gap over cached
    /// planes.
    pub patience: usize,
    /// Period, in accelerated passes, at which all blocks are visited. The other passes skip blocks
    /// whose gap was small at the last visit.
    pub look_again: usize,
    /// Accuracy of a block step in exact passes: the small dual of a block is solved to this
    /// fraction of its violation.
    pub fine: f64,
    /// Accuracy of a block step in approximate passes.
    pub rough: f64,
    /// Every pass certifies if the next certificate is expected to show at most this multiple of
    /// the gap at which training stops. Near the optimum w hardly moves within a pass, so planes
    /// found at one w, or at an average, are as good as any.
    pub near: f64,
    /// Maximum number of consecutive exact passes without a certificate. A certifying pass takes no
    /// steps, so not every pass certifies.
    pub uncertified: u32,
    /// The same limit before the first certificate. It is higher because a short training needs no
    /// intermediate certificate.
    pub first_uncertified: u32,
    /// Number of consecutive certificates without an improved bound after which training ends for
    /// lack of precision.
    pub stuck: u32,
    /// Number of blocks whose memory is prefetched together.
    pub touched: usize,
    /// If P(0) exceeds this multiple of D, the certifying pass uses a longer w, which has smaller
    /// slacks.
    pub huge: f64,
    /// Minimum number of oracle calls between two ticks of a certifying pass, and number of visits
    /// between two ticks of an approximate pass.
    pub slice: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            settled: 0.1,
            left: 0.3,
            early: 4.0,
            early_growth: 1.5,
            at_rest: 0.1,
            screened: 2,
            longest_rest: 4,
            resting: 3,
            tidying: 3,
            fruitless: 4,
            longer: 1.4,
            long_round: 8,
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
            fine: 0.1,
            rough: 0.2,
            near: 8.0,
            uncertified: 4,
            first_uncertified: 8,
            stuck: 10,
            touched: 8,
            huge: 100.0,
            slice: 512,
        }
    }
}
