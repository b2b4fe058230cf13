//! Numbers of any length: seven bits a byte, the lowest first, the highest bit for "more follows".

use super::Damage;

/// Adds a number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds a number that may be negative: those near to zero are short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Takes a number.
pub(super) fn take(from: &mut &[u8]) -> Result<u64, Damage> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().ok_or(Damage::Columns)?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Damage::Columns)
}

/// Takes a number that may be negative.
pub(super) fn take_signed(from: &mut &[u8]) -> Result<i64, Damage> {
    let value = take(from)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Takes so many bytes.
pub(super) fn take_bytes<'a>(from: &mut &'a [u8], length: u64) -> Result<&'a [u8], Damage> {
    let length = usize::try_from(length).map_err(|_| Damage::Columns)?;
    let (bytes, rest) = from.split_at_checked(length).ok_or(Damage::Columns)?;
    *from = rest;
    Ok(bytes)
}
