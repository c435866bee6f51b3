/** docs/guards.md, made from the list. `npm run docs` writes it. */
import { writeFileSync } from 'node:fs'
import { guards } from './guards.ts'
import type { Guard } from './guard.ts'

const intro = `# Guards

<!-- Made by \`node test/sim/guards/page.ts\` from test/sim/guards/list/. Do not edit. -->

A guard is a line of the plane without which an invariant of SPEC §7 would break: a condition on a write, a token check, a due time, a doorbell, a second look
at what was read. \`npm run sim:mutants\` takes each away in turn, runs the plane without it, and fails if nobody misses it. So every guard on this
page has been seen to be needed, and the simulator and the tests have been seen to notice. A guard that is missed by nobody is deleted, or says here why it stays.

\`npm run sim:mutants -- --only admit --seeds 500\` tries those whose names begin so. \`LANEKEEPER_SIM_WITHOUT=admit.limit node --import ./test/sim/guards/without.ts …\` runs
anything without one guard: the source is changed while it is loaded, no file is.
`

const row = ({ name, invariant, protects, harmless }: Guard): string =>
  `| ${name} | ${invariant} | ${protects}${harmless === undefined ? '' : `. Harmless if it is away: ${harmless}`} |`

const section = (file: string): string =>
  [`## ${file}`, '', '| guard | invariant | protects |', '| --- | --- | --- |', ...guards.filter((guard) => guard.file === file).map(row), ''].join('\n')

export const guardsPage = (): string => {
  const files = [...new Set(guards.map(({ file }) => file))].toSorted()
  const harmless = guards.filter((guard) => guard.harmless !== undefined).length
  return [intro, `There are ${guards.length}; ${harmless} of them are harmless if they are away.\n`, ...files.map(section)].join('\n')
}

if (process.argv[1] === import.meta.filename) writeFileSync(new URL('../../../docs/guards.md', import.meta.url), guardsPage())
