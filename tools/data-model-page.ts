/** docs/data-model.md, made from the access patterns. */
import { indexes } from '../shared/store/keys.ts'
import { access_patterns, type PatternKey } from '../shared/store/patterns.ts'
import { record_notes } from '../shared/store/record-notes.ts'

const code = (text: string) => `\`${text}\``
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

/** A value is code, words about a range are text. */
const sortKey = (sk: string) =>
  sk.startsWith('begins with ') ? `begins with ${code(sk.slice('begins with '.length))}` : sk.includes(' ') || sk === 'all' ? sk : code(sk)
const keyCells = ({ pk, sk }: PatternKey) => [code(pk), sortKey(sk)]

/** The page as Markdown. */
export const dataModelPage = (): string =>
  `# Data model

<!-- Made by \`node tools/data-model.ts\` from shared/store/patterns.ts, record-notes.ts and keys.ts. Do not edit. -->

One table, on demand. A record is a flat object with the fields of its schema (\`shared/store/records.ts\`), stored as attributes beside its
primary key (\`pk\`, \`sk\`) and its index attributes, and parsed when it is read. Every partition begins with the workspace, except the list of
workspaces, API keys (found by hash, to learn the workspace) and the index of what is due.

## Records

${table(
  ['kind', 'pk', 'sk', 'note'],
  Object.entries(record_notes).map(([kind, { key, note }]) => [kind, ...keyCells(key), note]),
)}

## Indexes

All are sparse and hold keys only: a list reads keys from the index and the records from the table, so what it returns is current.

${table(
  ['index', 'partition key', 'sort key'],
  Object.entries(indexes).map(([name, { pk, sk }]) => [name, code(pk), code(sk)]),
)}

## Questions

No scan, no filter: every question is answered by one key or one range of one partition.

${table(
  ['question', 'index', 'pk', 'sk', 'asked by', 'consistency', 'note'],
  access_patterns.map(({ name, index, key, asked_by, consistency, note }) => [name, index, ...keyCells(key), asked_by.join(', '), consistency, note]),
)}

## Writes

A commit is one conditional write, or one transaction of up to 100. There are four kinds (\`shared/store/store.ts\`), and the condition is part of
the write:

${table(
  ['write', 'condition', 'does'],
  [
    ['put_if_absent', 'no record has the key', 'stores the record'],
    ['replace_if_version', 'the stored version is the one that was read', 'stores the record with version + 1'],
    ['delete_if_version', 'the stored version is the one that was read', 'deletes the record'],
    ['add_within_limit', 'the instance exists and its fields are within the limits given', 'adds to counters and 1 to the version'],
  ],
)}

Only a condition that does not hold is a conflict: the caller loads and decides again. Throttling, and a transaction that met another one, are
repeated with jitter. The answer to a plain conditional write may be lost; repeated, it looks like a conflict with itself, which loading again
clears up.
`
