//! What `lib/blocks.js` calls.

use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::sealed::{Needed, steps};
use gsd_session_core::store::sealing::{self, ExchangedBlock, Page, Place, Size};
use gsd_session_core::store::search::Search;

use crate::convert::{Argument, MAX_CELLS, MAX_SAFE_INTEGER, field_of, optional};
use crate::error::Parsed;
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, done, natives};
use crate::redact::redact_of;
use crate::search::query;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "OutputStore.blocks": blocks;
    "OutputStore.putBlocks": put_blocks;
    "OutputStore.searchedBlocks": searched_blocks;
    "OutputStore.searchTerms": search_terms;
};

/// Blocks of a page, unless it is told, and at most.
const PAGE: i64 = 16;
const MOST: i64 = 256;

/// the store, sessionId, after, state, limit, what secrets look like -> the fields of the blocks one behind the other, `after` and `state` of where to go on,
/// whether there is more
fn blocks<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let [session_id, after, state, limit, redact] = call.array(1)?;
    let session_id = Argument::new("sessionId", session_id).string()?;
    let count = |name, value, range: std::ops::RangeInclusive<i64>| {
        optional(Argument::new(name, value), |count| count.integer_in(range.clone()))
    };
    let place = Place {
        after: count("options.after", after, -MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER)?
            .unwrap_or(i64::MIN),
        state: optional(Argument::new("options.state", state), bytes)?,
    };
    let most = usize::try_from(count("options.limit", limit, 1..=MOST)?.unwrap_or(PAGE));
    let redactor = redact_of(redact)?.map(|redact| redact.redactor);
    let most = most.unwrap_or(1);
    let page = sealing::page(outputs.connection(), &session_id, &place, most, redactor.as_ref())?;
    Ok(given(call.scope(), page)?)
}

fn given(scope: Scope<'_>, page: Page) -> napi::Result<Value<'_>> {
    let number = |count: f64| scope.number(count);
    let bytes = |bytes: Option<Vec<u8>>| match bytes {
        Some(bytes) => scope.buffer(&bytes),
        None => scope.undefined(),
    };
    let mut fields = Vec::with_capacity(page.blocks.len() * 10);
    for block in page.blocks {
        let ExchangedBlock { first, last, outputs, bytes: size, earliest, latest, .. } = block;
        fields.extend([
            number(first as f64),
            number(last as f64),
            number(outputs as f64),
            number(size as f64),
            number(earliest),
            number(latest),
            bytes(block.block),
            block.lines.map_or_else(|| scope.undefined(), |lines| number(lines as f64)),
            bytes(block.filter),
            bytes(block.state),
        ]);
    }
    let Place { after, state } = page.next;
    // Before the first chunk of all, there is no number.
    let after = if after == i64::MIN { scope.undefined() } else { number(after as f64) };
    scope.array_of([scope.array_of(fields), after, bytes(state), scope.boolean(page.more)])
}

/// the store, sessionId, the fields of blocks one behind the other, those of sizes
fn put_blocks<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let (given, sizes) = (call.get(2)?, call.get(3)?);
    let mut blocks = Vec::new();
    for at in (0..given.array_length()? / 6).map(|block| block * 6) {
        let index = at / 6;
        let cursor = |name, place| {
            field_of("blocks", index, name, given.element(at + place)?, |cursor| {
                cursor.integer_in(-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER)
            })
        };
        let part = |name, place| {
            field_of("blocks", index, name, given.element(at + place)?, |part| {
                optional(*part, bytes)
            })
        };
        let lines = field_of("blocks", index, c"lines", given.element(at + 3)?, |lines| {
            optional(*lines, |lines| lines.integer_in(0..=MAX_SAFE_INTEGER))
        })?;
        blocks.push(ExchangedBlock {
            first: cursor(c"first", 0)?,
            last: cursor(c"last", 1)?,
            outputs: 0,
            bytes: 0,
            earliest: 0.0,
            latest: 0.0,
            block: part(c"block", 2)?,
            lines: lines.map(i64::unsigned_abs),
            filter: part(c"filter", 4)?,
            state: part(c"state", 5)?,
        });
    }
    let sizes = (0..sizes.array_length()? / 3).map(|index| {
        let number = |name, place, range: std::ops::RangeInclusive<i64>| {
            let value = sizes.element(index * 3 + place)?;
            field_of("options.sizes", index, name, value, |number| number.integer_in(range))
        };
        Ok((
            number(c"after", 0, 0..=MAX_SAFE_INTEGER)?,
            number(c"columns", 1, 1..=MAX_CELLS)?,
            number(c"rows", 2, 1..=MAX_CELLS)?,
        ))
    });
    let sizes: Vec<Size> = sizes.collect::<Parsed<_>>()?;
    sealing::put(outputs.connection(), &session_id, &blocks, &sizes)?;
    done(call)
}

fn bytes(value: &Argument<'_, '_>) -> Parsed<Vec<u8>> {
    if !value.value().is_buffer()? {
        return Err(value.wrong_type("a Buffer or a Uint8Array"));
    }
    Ok(value.value().with_bytes(<[u8]>::to_vec)?)
}

/// as `search` of `lib/output-store.js` -> the first cursors of the blocks that are read
fn searched_blocks<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let blocks = Search::new(outputs.clone(), query(call)?)?.blocks()?;
    let scope = call.scope();
    Ok(scope.array_of(blocks.into_iter().map(|first| scope.number(first as f64)))?)
}

/// as `search` of `lib/output-store.js` -> `undefined`; [start, step] of a trigram; ['all' or 'one', and then such values]
fn search_terms<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let search = Search::new(outputs.clone(), query(call)?)?;
    Ok(terms(call.scope(), search.needed())?)
}

fn terms<'env>(scope: Scope<'env>, needed: &Needed) -> napi::Result<Value<'env>> {
    let group = |kind: &str, needed: &mut dyn Iterator<Item = napi::Result<Value<'env>>>| {
        scope.array_of([scope.string(kind.as_bytes())].into_iter().chain(needed))
    };
    let nested =
        |kind, all: &[Needed]| group(kind, &mut all.iter().map(|needed| terms(scope, needed)));
    match needed {
        Needed::Nothing => scope.undefined(),
        Needed::Text(text) => group(
            "all",
            &mut text.iter().map(|trigram| {
                let (start, step) = steps(*trigram);
                scope.array_of([start, step].map(|number| scope.number(number as f64)))
            }),
        ),
        Needed::All(all) => nested("all", all),
        Needed::One(all) => nested("one", all),
    }
}
