/**
 * `npm run sim:mutants`: takes each guard away in turn and looks whether that is seen: by what comes promptly, by what strangers may do, by the
 * simulator. A guard that nobody misses fails the gate, unless it says why it is harmless: then it is deleted, or the simulator
 * is too blunt. `-- --only NAME,NAME` tries those whose names begin so, `--seeds N` as many seeds.
 */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { guards } from './guards.ts'
import type { Guard } from './guard.ts'

const root = resolve(import.meta.dirname, '../../..')
const at_once = 2
/** A mutant that makes the plane go round in circles is found by that. */
const patience_ms = 600_000

const { values } = parseArgs({ options: { only: { type: 'string' }, seeds: { type: 'string', default: '2000' } } })

interface Looker {
  readonly name: string
  readonly args: readonly string[]
}

/** What looks for a break: stories, the simulator, and the tests in which one handler acts between two steps of another. */
const lookers: readonly Looker[] = [
  { name: 'promptly', args: ['test/sim/guards/promptly.ts'] },
  { name: 'attacks', args: ['test/sim/guards/attacks.ts'] },
  { name: 'deafly', args: ['test/sim/guards/deafly.ts'] },
  { name: 'races', args: ['test/sim/guards/races.ts'] },
  { name: 'chances', args: ['test/sim/main.ts', '--seeds', values.seeds, '--first', '--json', '--workers', '1'] },
  { name: 'tests', args: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/sim/guards/vitest.config.ts', '--reporter', 'default'] },
]

/** A line of JSON: a story that failed, or what the simulator says of all its seeds. */
const Said = z.union([
  z.object({ story: z.string(), what: z.string() }),
  z.object({ failures: z.array(z.object({ seed: z.int(), violations: z.array(z.string()) })).min(1) }),
])

interface Seen {
  readonly by: string
  readonly what: string
}
export interface Tried {
  readonly guard: Guard
  readonly seen: Seen | undefined
  readonly ms: number
}

const json = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** What a looker said of a break: in a line of JSON, as a failing test, or as an error. */
const told = (name: string, out: string, err: string): Seen => {
  const said = Said.safeParse(json(out.trim().split('\n').at(-1) ?? ''))
  if (said.success && 'story' in said.data) return { by: name, what: `${said.data.story}: ${said.data.what}` }
  if (said.success && 'failures' in said.data) {
    const [first] = said.data.failures
    return { by: `seed ${first?.seed}`, what: first?.violations[0] ?? '' }
  }
  const lines = `${out}\n${err}`.split('\n')
  const failing = lines.find((line) => line.includes('FAIL')) ?? lines.find((line) => line.includes('Error')) ?? ''
  return { by: name, what: failing.trim() }
}

/** Runs one looker, on the plane without the guard if one is given. @returns what it saw, undefined if nothing */
const look = async (guard: Guard | undefined, { name, args }: Looker): Promise<Seen | undefined> => {
  const without = guard === undefined ? [] : ['--import', './test/sim/guards/without.ts']
  const child = spawn(process.execPath, [...without, ...args], {
    cwd: root,
    env: { ...process.env, LANEKEEPER_SIM_WITHOUT: guard?.name, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience_ms,
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: unknown) => (out += String(chunk)))
  child.stderr.on('data', (chunk: unknown) => (err += String(chunk)))
  const code = await new Promise<number | null>((done) => child.on('close', done))
  if (code === 0) return undefined
  return code === null ? { by: name, what: 'did not come to an end' } : told(name, out, err)
}

const attempt = async (guard: Guard): Promise<Tried> => {
  const began = performance.now()
  let seen: Seen | undefined
  for (const looker of lookers) {
    seen = await look(guard, looker)
    if (seen !== undefined) break
  }
  return { guard, seen, ms: Math.round(performance.now() - began) }
}

const shown = ({ guard, seen, ms }: Tried): string => {
  const fate = seen === undefined ? (guard.harmless === undefined ? 'SURVIVED' : 'harmless') : seen.by
  const what = seen === undefined ? (guard.harmless ?? '') : seen.what
  return [guard.name.padEnd(30), fate.padEnd(12), `${ms} ms`.padStart(10), what.replaceAll(/\s+/g, ' ').slice(0, 150)].join('  ')
}

/** The whole plane must pass, or whatever is seen says nothing. */
for (const looker of lookers.filter(({ name }) => name !== 'chances')) {
  const seen = await look(undefined, looker)
  if (seen !== undefined) throw new Error(`${looker.name} fails with every guard in place: ${seen.what}`)
}

const only = values.only?.split(',')
const wanted = guards.filter((guard) => only === undefined || only.some((start) => guard.name.startsWith(start)))
const queue = [...wanted]
const tried: Tried[] = []
const work = async (): Promise<void> => {
  for (let guard = queue.shift(); guard !== undefined; guard = queue.shift()) {
    const one = await attempt(guard)
    tried.push(one)
    console.log(shown(one))
  }
}
await Promise.all(Array.from({ length: at_once }, work))

const survivors = tried.filter(({ guard, seen }) => seen === undefined && guard.harmless === undefined)
const wrongly = tried.filter(({ guard, seen }) => seen !== undefined && guard.harmless !== undefined)
console.log(`\n${tried.length} guards, ${tried.filter(({ seen }) => seen !== undefined).length} missed when away, ${survivors.length} survived`)
for (const { guard } of wrongly) console.log(`${guard.name} says that it is harmless, and is not`)
if (survivors.length + wrongly.length > 0 || tried.length === 0) process.exitCode = 1
