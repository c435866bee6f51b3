/** `npm run bench:inputs`: how long it takes from an accepted input until the agent's model is asked with it. See bench/README.md. */
import { parseArgs } from 'node:util'
import type { Client } from '../client/client.ts'
import { startScriptedModel } from '../local/scripted-model/server.ts'
import { pause, startBenchStack } from './stack.ts'
import { percentile } from './statistics.ts'

const usage = `npm run bench:inputs [-- options]
  --inputs N   of each kind, one after the other, for each setting   30
  --json       print the figures as JSON`

/** With doorbells no heartbeat comes by itself while this measures; without, they are as far apart as this. */
const heartbeat_ms = { on: 1_800_000, off: 2_000 } as const
type Doorbells = keyof typeof heartbeat_ms

const patience_ms = 60_000
/** A tool call of the turn that goes on: what is said into it is seen when the call is over. */
const tool_ms = 200
/** Nobody sends at the same moment of each heartbeat's interval. */
const between_ms = () => 100 + Math.random() * heartbeat_ms.off

const tell = (text: string) => void process.stderr.write(`${text}\n`)

const until = async <T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> => {
  for (const deadline = Date.now() + patience_ms; Date.now() < deadline; await pause(20)) {
    const found = await ask()
    if (found !== undefined) return found
  }
  throw new Error(`${what} did not come about`)
}

/** What the model is asked, by the words that it is asked with; the time is this process's own, as that of the answers of the API. */
const listen = () => {
  const awaited = new Map<string, (at_ms: number) => void>()
  return {
    hear: (body: string) => {
      const at_ms = performance.now()
      for (const [word, heard] of awaited) if (body.includes(word)) heard(at_ms)
    },
    /** @returns milliseconds from the answer that accepts it; less than 0 where the agent was faster than the answer */
    send: async (client: Client, run_id: string, word: string, message: string, queue_mode: 'steer' | 'followup'): Promise<number> => {
      const heard = new Promise<number>((resolve) => awaited.set(word, resolve))
      await client.runs.send(run_id, { message: `${word}\n${message}`, queue_mode })
      const accepted_ms = performance.now()
      const late = pause(patience_ms).then(() => Number.NaN)
      const at_ms = await Promise.race([heard, late])
      awaited.delete(word)
      if (Number.isNaN(at_ms)) throw new Error(`${word} was not seen within ${patience_ms / 1_000} s`)
      return at_ms - accepted_ms
    },
  }
}

const said = (turn: object): string => `STUB: ${JSON.stringify(turn)}`
/** Tool calls for as long as anybody measures; it ends when the run is cancelled. */
const endless = Array.from({ length: 5_000 }, () => said({ tool: 'Bash', input: { command: `sleep ${tool_ms / 1_000}`, description: 'works' } })).join('\n')

const begin = async (client: Client, agent_id: string, message: string, interactive: boolean) => {
  const { task } = await client.tasks.accept({ agent_id, message, policy: { interactive } })
  const run_id = await until('the run', async () => (await client.tasks.get(task.id)).target_run_id)
  const state = interactive ? 'waiting' : 'running'
  await until(`${state}`, async () => ((await client.tasks.get(task.id)).state === state ? true : undefined))
  // The first words of the agent, and the doorbell that a runner hangs out after two seconds.
  await pause(4_000)
  return { task, run_id }
}

interface Figures {
  /** Milliseconds, for each input. */
  readonly waiting: readonly number[]
  readonly running: readonly number[]
}

const measure = async (doorbells: Doorbells, count: number): Promise<Figures> => {
  const listener = listen()
  const model = await startScriptedModel({ onRequest: ({ body }) => listener.hear(body) })
  tell(`starting a fresh local stack, doorbells ${doorbells}`)
  const stack = await startBenchStack(
    { Doorbells: doorbells, HeartbeatMs: String(heartbeat_ms[doorbells]), LeaseMs: String(3 * heartbeat_ms[doorbells]) },
    { ANTHROPIC_API_KEY: `no-key-${crypto.randomUUID()}`, ANTHROPIC_BASE_URL: model.url },
  )
  try {
    const { client } = stack
    const agent = await client.agents.create({ agent_key: 'listener', config: { runner: 'claude_code', allowed_tools: ['Bash'], concurrency: 2 } })
    const waiting: number[] = []
    const waits = await begin(client, agent.id, said({ text: 'what next?' }), true)
    for (let n = 0; n < count; n += 1) {
      waiting.push(await listener.send(client, waits.run_id, `waiting-${n}.`, said({ text: 'and now?' }), 'followup'))
      await until('the end of the turn', async () => ((await client.tasks.get(waits.task.id)).state === 'waiting' ? true : undefined))
      await pause(between_ms())
    }
    await client.tasks.cancel(waits.task.id)
    const running: number[] = []
    const works = await begin(client, agent.id, endless, false)
    for (let n = 0; n < count; n += 1) {
      running.push(await listener.send(client, works.run_id, `running-${n}.`, 'Go on.', 'steer'))
      await pause(between_ms())
    }
    await client.tasks.cancel(works.task.id)
    return { waiting, running }
  } finally {
    await stack.stop()
    await model.close()
  }
}

const rows = { waiting: 'into a run that waits for it', running: `into a running turn (calls of ${tool_ms} ms)` } as const

const reportOf = (doorbells: Doorbells, figures: Figures): readonly string[] =>
  (['waiting', 'running'] as const).map((kind) => {
    const values = figures[kind]
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => `${percentile(values, share).toFixed(0)} ms`)
    const within = values.filter((ms) => ms <= heartbeat_ms.off).length / values.length
    const share = doorbells === 'off' ? `   ${(within * 100).toFixed(0)} % within the heartbeat's ${heartbeat_ms.off} ms` : ''
    return `doorbells ${doorbells.padEnd(3)}  ${rows[kind].padEnd(40)} p50 ${p50}   p99 ${p99}   max ${max}   (${values.length})${share}`
  })

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { inputs: { type: 'string', default: '30' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return tell(usage)
  const [on, off] = [await measure('on', Number(values.inputs)), await measure('off', Number(values.inputs))]
  if (values.json) console.log(JSON.stringify({ on, off }))
  else console.log([...reportOf('on', on), ...reportOf('off', off)].join('\n'))
}

await main()
