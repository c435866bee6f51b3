/**
 * Each queue mode in each situation of a run, with the real agent and the real handlers: three inputs are sent, and the test looks at what each is
 * answered, what becomes of it, and in which order the agent's model has read them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startScriptedModel, type ScriptedModel, type SeenRequest } from '../../local/scripted-model/server.ts'
import { QueueModeName } from '../../shared/contract/inputs.ts'
import { interaction_states } from '../../shared/contract/runs.ts'
import { queue_modes, type Disposition, type QueueMode } from '../../shared/domain/input.ts'
import { run_statuses, type RunStatus } from '../../shared/domain/run.ts'
import { startLivePlane, type LivePlane } from '../support/live-plane.ts'
import { answers } from '../support/api-steps.ts'
import { shaped } from '../support/http.ts'
import { mode_names, situations, until, type Situation } from './situations.ts'
import { say } from './harness.ts'

const requests: SeenRequest[] = []
let model: ScriptedModel
beforeAll(async () => {
  model = await startScriptedModel({ onRequest: (request) => requests.push(request) })
})
afterAll(async () => model.close())

/** Run statuses and interactions that no run has together. */
const impossible: Readonly<Record<string, string>> = {
  'accepted/closed': 'only a run that is over is closed',
  'running/closed': 'only a run that is over is closed',
  ...Object.fromEntries(
    ['ok', 'error', 'timeout', 'cancelled'].flatMap((status) =>
      ['working', 'waiting_for_input'].map((state) => [`${status}/${state}`, 'a run that is over is closed']),
    ),
  ),
}

test('there is a situation for each run status with each interaction that it can have', () => {
  const reached = new Set(situations.map(({ status, interaction }) => `${status}/${interaction}`))
  const pairs = run_statuses.flatMap((status) => interaction_states.map((state) => `${status}/${state}`))
  expect(pairs.filter((pair) => reached.has(pair) === pair in impossible)).toEqual([])
})

/** What becomes of three inputs of a mode, with the turns counted from the first that took one. */
const endsOf = (mode: QueueMode, dispositions: readonly (Disposition | undefined)[], ids: readonly string[]) => {
  const turns = dispositions.flatMap((one) => (one?.kind === 'consumed' ? [one.turn] : []))
  const from = Math.min(...turns)
  return dispositions.map((one) => {
    if (one?.kind === 'consumed') return mode === 'steer' ? 'consumed' : `consumed by turn ${one.turn - from}`
    if (one?.kind === 'merged') return `merged into ${ids.indexOf(one.into)}`
    return one?.kind === 'superseded' ? `superseded by ${ids.indexOf(one.by)}` : one?.kind
  })
}
const expected_ends: Readonly<Record<QueueMode, readonly string[]>> = {
  steer: ['consumed', 'consumed', 'consumed'],
  followup: ['consumed by turn 0', 'consumed by turn 1', 'consumed by turn 2'],
  collect: ['consumed by turn 0', 'merged into 0', 'merged into 0'],
  interrupt: ['superseded by 2', 'superseded by 2', 'consumed by turn 0'],
}

interface Observed {
  /** When the inputs were sent. */
  readonly met: { readonly status: RunStatus; readonly interaction: string }
  readonly outcomes: readonly string[]
  readonly ends: readonly (string | undefined)[]
  /** Which of them the model has read, in order. */
  readonly read: readonly string[]
  /** The turn that took the first one that was consumed. */
  readonly first_turn: unknown
}

const expected = ({ name, status, interaction, first }: Situation, mode: QueueMode): Observed => {
  const later = mode === 'interrupt' && status === 'running' ? 'interrupted' : 'queued'
  return {
    met: { status, interaction },
    outcomes: [first === 'as later' ? later : first, later, later],
    ends: expected_ends[mode],
    read: mode === 'interrupt' ? ['3'] : ['1', '2', '3'],
    // A steer is seen in the turn that goes on.
    first_turn: name === 'working' ? (mode === 'steer' ? 1 : 2) : expect.any(Number),
  }
}

const sendThree = async (live: LivePlane, run_id: string, tag: string, queue_mode: string) => {
  const sent = []
  for (const n of [1, 2, 3]) {
    const body = { message: `${tag}-input-${n}\n${say(`heard ${n}`)}`, queue_mode }
    sent.push(shaped(answers.sent, await live.call('POST', `/v1/runs/${run_id}/input`, body), 202).input)
  }
  return sent
}

/** Which of the inputs the model has read, in the order of the conversation as it was last asked with it. */
const read = (tag: string): readonly string[] => {
  const last = requests.findLast(({ body }) => body.includes(`${tag}-input-`))
  return [...(last?.body ?? '').matchAll(new RegExp(`${tag}-input-(\\d)`, 'g'))].map(([, n = '']) => n)
}

const observe = async (situation: Situation, mode_name: string, mode: QueueMode): Promise<Observed> => {
  const tag = `${situation.name.replaceAll(' ', '-')}-${mode_name}`
  const live = await startLivePlane({ model_url: model.url, deployment: situation.deployment ?? {} })
  try {
    const { run_id, task_id, goOn } = await situation.reach(live, tag)
    const { status } = await live.plane.run(run_id)
    const { state } = shaped(answers.interaction, await live.call('GET', `/v1/runs/${run_id}/interaction`))
    const sent = await sendThree(live, run_id, tag, mode_name)
    await goOn(mode)
    const ids = sent.map(({ id }) => id)
    const ended = await until('the end of each input', async () => {
      const inputs = await Promise.all(ids.map(async (id) => shaped(answers.input, await live.call('GET', `/v1/inputs/${id}`))))
      return inputs.every(({ disposition }) => disposition !== undefined) ? inputs : undefined
    })
    const over = situation.interactive === true ? 'waiting' : 'done'
    await until(`${over} of ${tag}`, async () => ((await live.plane.task(task_id)).state === over ? true : undefined))
    const dispositions = ended.map(({ disposition }) => disposition)
    return {
      met: { status, interaction: state },
      outcomes: sent.map(({ outcome }) => outcome),
      ends: endsOf(mode, dispositions, ids),
      read: read(tag),
      first_turn: dispositions.flatMap((one) => (one?.kind === 'consumed' ? [one.turn] : []))[0],
    }
  } finally {
    await live.close()
  }
}

const rows = situations.flatMap((situation) => {
  const names = situation.name === 'working' ? [...queue_modes, ...mode_names] : queue_modes
  return names.map((name) => ({ name, situation, is: situation.name, mode: QueueModeName.parse(name) }))
})

test.concurrent.each(rows)(
  'three inputs, $name, to a run that is $is',
  async ({ name, situation, mode }) => expect(await observe(situation, name, mode)).toEqual(expected(situation, mode)),
  120_000,
)
