//! Messages that are values.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Collective;
use crate::container;
use crate::error::Error;

/// Sends the value of the root to all ranks. The root gives one, and the other ranks give `None`.
/// Returns the value of the root on every rank.
///
/// # Errors
/// [`Error::Ranks`]: a value that cannot be encoded, a message that cannot be decoded, a root that
/// gives no value. If the root fails, the other ranks still wait for it: end the job with
/// [`Collective::abort`].
pub fn broadcast_value<T: Serialize + DeserializeOwned>(
    ranks: &dyn Collective,
    value: Option<T>,
) -> Result<T, Error> {
    let mut bytes = Vec::new();
    if ranks.rank() > 0 {
        ranks.broadcast(&mut bytes);
        return decode(&bytes, 0);
    }
    let value = value.ok_or_else(|| Error::Ranks("the root has nothing to send".to_owned()))?;
    if ranks.size() > 1 {
        bytes = encode(&value)?;
        ranks.broadcast(&mut bytes);
    }
    Ok(value)
}

/// Sends the values of all ranks to the root. Returns them on the root, in the order of ranks, and
/// nothing on the other ranks.
///
/// # Errors
/// [`Error::Ranks`]: a value that cannot be encoded, a message that cannot be decoded. The other
/// ranks may still wait for a rank that fails: end the job with [`Collective::abort`].
pub fn gather_values<T: Serialize + DeserializeOwned>(
    ranks: &dyn Collective,
    value: T,
) -> Result<Vec<T>, Error> {
    if ranks.rank() > 0 {
        ranks.gather(encode(&value)?);
        return Ok(Vec::new());
    }
    // The own value needs no message.
    let others = ranks.gather(Vec::new());
    let others = others.iter().enumerate().skip(1).map(|(rank, bytes)| decode(bytes, rank));
    std::iter::once(Ok(value)).chain(others).collect()
}

/// Ends work that all ranks have done apart. If every rank has succeeded, each gets its own result.
/// If not, all get the error of the lowest rank that has failed, so that none waits for another
/// one.
///
/// # Errors
/// [`Error::OnRank`] if a rank has failed, even if there is one only; [`Error::Ranks`] as for
/// [`broadcast_value`].
pub fn agree<T>(ranks: &dyn Collective, result: Result<T, Error>) -> Result<T, Error> {
    let failure = result.as_ref().err().map(|error| (error.to_string(), error.is_bad_input()));
    let failures = gather_values(ranks, failure)?;
    let first = (0_usize..).zip(failures).find_map(|(rank, failure)| Some((rank, failure?)));
    match broadcast_value(ranks, (ranks.rank() == 0).then_some(first))? {
        Some((rank, (message, is_bad_input))) => Err(Error::OnRank { rank, message, is_bad_input }),
        None => result,
    }
}

/// Sends `parts[r]` to rank r. Returns what each rank has sent to this one, in the order of ranks.
///
/// # Errors
/// Those of [`gather_values`].
pub fn exchange_values<T: Serialize + DeserializeOwned>(
    ranks: &dyn Collective,
    parts: &[T],
) -> Result<Vec<T>, Error> {
    let parts = parts.iter().map(encode).collect::<Result<_, Error>>()?;
    let parts = ranks.exchange(parts);
    parts.iter().enumerate().map(|(rank, bytes)| decode(bytes, rank)).collect()
}

pub(super) fn encode(value: impl Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    match container::encode(value, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Error::Ranks(format!("a message cannot be encoded: {error}"))),
    }
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], from: usize) -> Result<T, Error> {
    container::decode_all(bytes, &format!("message of rank {from}")).map_err(Error::Ranks)
}
