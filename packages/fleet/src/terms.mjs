// What a search needs of a filter, in SQL. The cluster looks at the filters, and sends the blocks that can match.

/** Places of a trigram in a filter. */
const PLACES = 3

/** Terms in a condition at most: more of them tell little more. */
const MOST = 24

/**
 * A condition on the column `filter` of a block, and true where it has none. All that comes into it are numbers of the search.
 *
 * @param term What `OutputStore.searchTerms()` gives.
 */
export function conditionOf(term) {
  if (term === undefined) return 'true'
  return `(filter IS NULL OR (octet_length(filter) > 0 AND ${sqlOf(term)}))`
}

function sqlOf(term) {
  if (term.all) {
    const some = term.all.length > MOST ? spread(term.all) : term.all
    return joined(some, ' AND ')
  }
  if (term.one) return joined(term.one, ' OR ')
  const places = Array.from({ length: PLACES }, (_, k) => term.start + k * term.step)
  return places
    .map((place) => `get_bit(filter, (${place} % (8 * octet_length(filter)))::int) = 1`)
    .join(' AND ')
}

const joined = (terms, word) => `(${terms.map(sqlOf).join(word)})`

/** So many of a longer list, from all over it. */
const spread = (terms) => terms.filter((_, at) => at % Math.ceil(terms.length / MOST) === 0)
