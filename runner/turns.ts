/**
 * The turns of an attempt: what the agent does from a message to its result, then the next one, until none waits.
 *
 *   ├─ turn n ──────────────┤ save ─ end of turn n ─ take ├─ turn n+1 ──┤ save ─ finish
 *        └ steers, interrupt      (only if inputs wait, or the run waits for one)    └ refused if an input won: go on
 *
 * A run without inputs makes no call here but the finish.
 */
import type { Assignment, Saved, TakeInputsAnswer } from '../shared/contract/runner-protocol.ts'
import type { ModelUsage } from '../shared/domain/usage.ts'
import type { SessionFiles } from './files/session.ts'
import { failure, stoppedResult, type KindResult } from './kinds/kind.ts'
import { logsArrive, type Log } from './log.ts'
import type { News } from './news.ts'
import type { Plane, PlaneAnswer } from './plane.ts'
import { pause, type Stop } from './stop.ts'

export type TakenInput = TakeInputsAnswer['inputs'][number]

/** What a turn begins with: messages in order, which are one turn; or the answers to what the agent had asked, which are known. */
export type TurnBegin = { readonly how: 'messages'; readonly messages: readonly string[]; readonly is_command: boolean } | { readonly how: 'answer' }

export interface TurnEnded extends KindResult {
  /** The agent waits for the answer to a question, and has ended. */
  readonly parks?: true
}

/** One agent that is spoken to turn by turn. */
export interface Conversation {
  /** Runs one turn to its end. An interrupted one ends `ok`. After an order to stop it ends as that order says. */
  turn(begin: TurnBegin): Promise<TurnEnded>
  /** Says something into the turn that goes on; false if it cannot be said there any more. */
  steer(message: string): boolean
  /** Stops the turn that goes on, and not the agent. */
  interrupt(): void
  /** Whether an agent is there between turns, that may still write its files. */
  lives(): boolean
  /** What the agent's files say that it has used over its whole life; undefined if it has none, or never started. */
  usedInFiles(): ModelUsage | undefined
  /** Resolves when all that the agent said in its last turn is in its files. */
  settled(): Promise<void>
  /** Ends the agent, if there is one. The next turn starts another. */
  end(): Promise<void>
}

export interface TurnsInput {
  readonly assignment: Assignment
  readonly plane: Plane
  readonly stop: Stop
  readonly log: Log
  readonly news: News
  readonly session: SessionFiles
  readonly conversation: Conversation
  /** Ends the attempt. `inputs_wait`: nothing was recorded, for an input came before. */
  finish(result: WorkResult): Promise<{ readonly inputs_wait: boolean }>
}

export interface WorkResult extends KindResult {
  readonly saved?: Saved | undefined
  /** The turn that ended with this, or in which the attempt ended. */
  readonly turn?: number
  readonly parks?: 'question' | 'input'
}

const call_within_ms = 60_000
/** What to wait before asking again where the plane said that inputs wait, and then that none does. */
const nothing_wait_ms = 500

/** Ends the turns: not an error, but what the attempt's end is. */
type Next =
  /** `begins_with`: the inputs that the turn is. A steer among them is named again by the takes of the turn, and is not to be said twice. */
  { readonly go_on: TurnBegin; readonly begins_with: readonly string[] } | { readonly over: WorkResult }

const goOnWith = (inputs: readonly TakenInput[]): Next => ({
  go_on: { how: 'messages', messages: inputs.map(({ message }) => message), is_command: false },
  begins_with: inputs.map(({ id }) => id),
})

/** What a call that the plane did not answer as it should makes of the attempt. */
const brokenBy = (input: TurnsInput, answer: PlaneAnswer<unknown> & { readonly ok: false }, usage: ModelUsage): WorkResult => {
  if (answer.why === 'superseded') input.stop.request('superseded')
  const order = input.stop.order()
  if (order !== undefined) return stoppedResult(order, usage)
  return {
    outcome: 'error',
    error: failure('plane_failed', `the plane ${answer.why === 'refused' ? 'refused what the runner said' : 'did not answer'}: ${answer.message}`, true),
    usage,
  }
}

interface OpenTurn {
  readonly ended: TurnEnded
  /** Takes that were answered during the turn: what an interrupt said, which begins the next turn. */
  readonly held: readonly TakenInput[]
  readonly broken?: PlaneAnswer<unknown> & { readonly ok: false }
}

/** Takes what may go into a turn that goes on, whenever inputs wait, until the turn has ended; then nothing is under way any more. */
const watchTurn = async (
  input: TurnsInput,
  turn: number,
  ended: AbortSignal,
  known: Set<string>,
): Promise<Omit<OpenTurn, 'ended'> & { readonly late: string[] }> => {
  const { plane, news, stop, conversation } = input
  const late: string[] = []
  while (!ended.aborted && !stop.soft.aborted) {
    if (!news.inputsWait()) {
      await news.next(AbortSignal.any([ended, stop.soft]))
      continue
    }
    const answer = await plane.inputs({ turn, open: true }, { within_ms: call_within_ms, signal: stop.hard })
    if (!answer.ok) {
      if (answer.why === 'superseded') stop.request('superseded')
      // Without an answer nobody knows what was taken. The same question again finds out, as long as the turn goes on.
      if (answer.why === 'unreachable' && !ended.aborted) continue
      return { late, held: [], broken: answer }
    }
    const { how, inputs } = answer.value
    if (how === 'interrupt') {
      news.learn(false)
      conversation.interrupt()
      return { late, held: inputs }
    }
    for (const { id, message } of how === 'steer' ? inputs : []) {
      if (!known.has(id) && (ended.aborted || !conversation.steer(message))) late.push(message)
      known.add(id)
    }
    if (how !== 'nothing') news.learn(false)
    else await news.next(AbortSignal.any([ended, stop.soft]))
  }
  return { late, held: [] }
}

/** One turn, with what is said into it. What came too late to be said into it is said after it, and belongs to it all the same. */
const runTurn = async (input: TurnsInput, turn: number, begin: TurnBegin, steered: Set<string>): Promise<OpenTurn> => {
  const over = new AbortController()
  const watching = watchTurn(input, turn, over.signal, steered)
  const ended = await input.conversation.turn(begin).finally(() => over.abort())
  const { late, held, broken } = await watching
  if (broken !== undefined) return { ended, held, broken }
  if (late.length === 0 || ended.outcome !== 'ok' || ended.parks === true || input.stop.soft.aborted) return { ended, held }
  if (held.length === 0) return runTurn(input, turn, { how: 'messages', messages: late, is_command: false }, steered)
  return { ended, held: held.map((one, at) => (at === 0 ? { ...one, message: [...late, one.message].join('\n\n') } : one)) }
}

/** What the turn's end is called, with its files saved. A success whose files are lost is none: the next turn would miss them. */
const saveTurn = async (input: TurnsInput, turn: number, ended: TurnEnded, agent_lives: boolean): Promise<WorkResult> => {
  const { parks, ...said } = ended
  const result: WorkResult = { ...said, turn, ...(parks === true ? { parks: 'question' } : {}) }
  if (input.stop.isHard()) return result
  const save = await input.session.save({ turn, used_now: input.conversation.usedInFiles(), agent_lives })
  const saved = save.saved === undefined ? {} : { saved: save.saved }
  if (save.ok) return { ...result, ...saved }
  await input.log.write('system', 'notice', save.error.message)
  return result.outcome === 'ok' ? { outcome: 'error', usage: result.usage, turn, ...saved, error: save.error } : { ...result, ...saved }
}

/** Waits for the next input, for as long as an interactive attempt may. */
const waitForInput = async ({ news, stop, assignment }: TurnsInput): Promise<boolean> => {
  const idle = AbortSignal.timeout(assignment.idle_ms)
  while (!news.inputsWait() && !idle.aborted && !stop.soft.aborted) await news.next(AbortSignal.any([idle, stop.soft]))
  return news.inputsWait()
}

/** After a turn that went well and is saved: tells the plane, and finds what comes next. */
const afterTurn = async (input: TurnsInput, turn: number, done: WorkResult, held: readonly TakenInput[]): Promise<Next> => {
  const { plane, news, stop, assignment } = input
  const { usage, result, saved } = done
  const options = { within_ms: call_within_ms, signal: stop.hard }
  let told: 'nothing' | 'ended' | 'waits' = 'nothing'
  const tell = async (waits: boolean): Promise<WorkResult | undefined> => {
    if (told === 'waits' || told === (waits ? 'waits' : 'ended')) return undefined
    const end = { turn, usage, waits, ...(saved === undefined ? {} : { saved }), ...(result === undefined ? {} : { result }) }
    // Whoever sees that the agent waits has heard all that it said.
    if (waits) await logsArrive(input.log, stop)
    const answer = await plane.turn(end, options)
    if (!answer.ok) return { ...brokenBy(input, answer, usage), turn }
    told = waits ? 'waits' : 'ended'
    news.learn(answer.value.inputs_wait)
    return undefined
  }
  for (;;) {
    const order = stop.order()
    if (order !== undefined) return { over: { ...stoppedResult(order, usage), turn, ...(saved === undefined ? {} : { saved }) } }
    const waits = held.length === 0 && !news.inputsWait()
    if (waits && !assignment.policy.interactive) {
      if (!(await input.finish(done)).inputs_wait) return { over: done }
      news.learn(true)
      continue
    }
    const broken = await tell(waits)
    if (broken !== undefined) return { over: broken }
    if (held.length > 0) return goOnWith(held)
    if (waits && !(await waitForInput(input)) && !stop.soft.aborted) {
      const parked: WorkResult = { ...done, parks: 'input' }
      if (!(await input.finish(parked)).inputs_wait) return { over: parked }
      news.learn(true)
    }
    if (stop.soft.aborted || !news.inputsWait()) continue
    const took = await plane.inputs({ turn: turn + 1, open: false }, options)
    if (!took.ok) return { over: { ...brokenBy(input, took, usage), turn } }
    news.learn(false)
    if (took.value.how !== 'nothing') return goOnWith(took.value.inputs)
    await pause(nothing_wait_ms, stop.soft)
  }
}

const firstTurn = async (input: TurnsInput, usage: ModelUsage): Promise<Next> => {
  const { assignment, plane, stop, news } = input
  if (assignment.begins_with === 'answer') return { go_on: { how: 'answer' }, begins_with: [] }
  if (assignment.begins_with === 'message') return { go_on: { how: 'messages', messages: [assignment.message], is_command: true }, begins_with: [] }
  const took = await plane.inputs({ turn: assignment.turn, open: false }, { within_ms: call_within_ms, signal: stop.hard })
  if (!took.ok) return { over: brokenBy(input, took, usage) }
  news.learn(false)
  if (took.value.how !== 'nothing') return goOnWith(took.value.inputs)
  // The attempt before this one was lost after a turn that it had saved, while it waited or was about to end.
  const before = assignment.turn - 1
  return afterTurn(input, before, { outcome: 'ok', usage, turn: before }, [])
}

/** Whether an agent is worth keeping after a turn: where another turn is likely. Else it is ended before its files are saved. */
const isKept = ({ assignment, news }: TurnsInput, turn: number, held: readonly TakenInput[]): boolean =>
  assignment.policy.interactive || turn > assignment.turn || held.length > 0 || news.inputsWait()

const turnByTurn = async (input: TurnsInput, no_usage: ModelUsage): Promise<WorkResult> => {
  const { conversation, stop, assignment } = input
  let { turn } = assignment
  let next = await firstTurn(input, no_usage)
  for (; 'go_on' in next; turn++) {
    const { ended, held, broken } = await runTurn(input, turn, next.go_on, new Set(next.begins_with))
    const goes_on = ended.outcome === 'ok' && ended.parks !== true && broken === undefined && !stop.soft.aborted
    if (!goes_on || !isKept(input, turn, held)) await conversation.end()
    const agent_lives = conversation.lives()
    if (agent_lives) await conversation.settled()
    const done = await saveTurn(input, turn, ended, agent_lives)
    if (broken !== undefined) return { ...done, ...brokenBy(input, broken, done.usage) }
    if (!goes_on || done.outcome !== 'ok') return done
    next = await afterTurn(input, turn, done, held)
  }
  return { turn, ...next.over }
}

/** Runs turns until the attempt has ended. Resolves with what it ended with, which `finish` was told already if it is a success. */
export const runTurns = async (input: TurnsInput, no_usage: ModelUsage): Promise<WorkResult> => {
  try {
    return await turnByTurn(input, no_usage)
  } finally {
    await input.conversation.end()
  }
}
