/** Tries seeds of chance one after the other, and ends the process with 1 and a line of JSON at the first that is wrong. `--seeds N`. */
import { parseArgs } from 'node:util'
import { runSeed } from '../../support/chance.ts'

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '2000' } } })
const seeds = Number(values.seeds)
let wrong: { readonly seed: number; readonly what: string } | undefined
for (let seed = 1; seed <= seeds && wrong === undefined; seed += 1) {
  try {
    await runSeed(seed)
  } catch (cause) {
    wrong = { seed, what: cause instanceof Error ? cause.message : String(cause) }
  }
}
console.log(JSON.stringify(wrong ?? { seeds }))
if (wrong !== undefined) process.exitCode = 1
