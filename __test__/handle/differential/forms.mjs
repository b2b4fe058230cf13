// Every form: a name, and a function of a handle and some tools that returns something.
import alter from './alter.mjs'
import changes from './changes.mjs'
import closed from './closed.mjs'
import constraints from './constraints.mjs'
import exec from './exec.mjs'
import iterators from './iterators.mjs'
import objects from './objects.mjs'
import parameters from './parameters.mjs'
import prepare from './prepare.mjs'
import results from './results.mjs'
import sql from './sql.mjs'
import transactionEnds from './transaction-ends.mjs'
import transactions from './transactions.mjs'
import typical from './typical.mjs'
import values from './values.mjs'

export const forms = [
  ...prepare,
  ...parameters,
  ...values,
  ...results,
  ...changes,
  ...constraints,
  ...sql,
  ...alter,
  ...exec,
  ...transactions,
  ...transactionEnds,
  ...iterators,
  ...closed,
  ...objects,
  ...typical,
]
