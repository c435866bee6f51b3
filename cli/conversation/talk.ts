/**
 * A conversation in the terminal, as far as it is a matter of deciding: what is known of the task, what was heard, and what is to be done.
 * Pure; converse.ts does what comes out.
 *
 *     batches of the task ─┐                    ┌─ send, answer, cancel
 *     lines, Ctrl-C ───────┼─ hear(talk, …) ────┼─ read the next line
 *     answers of the API ──┘                    └─ follow, drain, leave
 *
 * Typed lines are read as they come. Those of a pipe are read one by one, each when the agent has answered the one before it.
 */
import type { ApprovalView } from '../../shared/contract/approvals.ts'
import type { RunEventView } from '../../shared/contract/runs.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import type { QueueMode } from '../../shared/domain/input.ts'
import type { TaskState } from '../../shared/domain/task.ts'
import { eventSays } from './event-says.ts'
import { readTyped, type Typed } from './typed.ts'

export interface Talk {
  /** Someone types; else the lines come from a pipe, each of them is a message, and nobody is there to be asked. */
  readonly is_typed: boolean
  /** Absent before the task's first run: nothing can be said to it yet. */
  readonly run_id?: string | undefined
  readonly state?: TaskState | undefined
  /** `over`: the task is at an end and all of it was heard; what is said then begins it anew. */
  readonly phase: 'working' | 'waiting' | 'over'
  /** Inputs that were sent, and were not seen to be taken. Until then a batch that says that the agent waits is older than they are. */
  readonly unseen: readonly string[]
  /** Inputs that were seen to be taken: the stream may know of it before the answer to the request is here. */
  readonly taken: ReadonlySet<string>
  /** Said before there was a run to say it to. */
  readonly held: readonly Message[]
  /** Open, in the order they were asked. */
  readonly questions: readonly ApprovalView[]
  /** Ctrl-C was pressed since the agent last waited. */
  readonly was_stopped: boolean
  readonly is_reading: boolean
  /** There are no more lines. */
  readonly is_read_out: boolean
  readonly is_draining: boolean
  /** Something was sent since the task is followed. */
  readonly said_since_follow: boolean
}

export interface Message {
  readonly message: string
  readonly queue_mode: QueueMode
}

export type Heard =
  | { readonly what: 'batch'; readonly batch: TaskEventBatch }
  /** The stream has ended: the task is over, and nothing of it is left to come. */
  | { readonly what: 'stream_over' }
  | { readonly what: 'line'; readonly line: string }
  | { readonly what: 'end_of_lines' | 'interrupt' | 'drained' | 'refused' }
  | { readonly what: 'sent'; readonly input_id: string }
  /** These will never be seen to be taken. */
  | { readonly what: 'settled'; readonly input_ids: readonly string[] }
  | { readonly what: 'question'; readonly approval: ApprovalView }

export type Deed =
  | ({ readonly does: 'send' } & Message)
  | { readonly does: 'answer'; readonly approval_id: string; readonly action: 'approve' | 'reject'; readonly reason?: string }
  /** Fetches a question, to be heard. */
  | { readonly does: 'load'; readonly approval_id: string }
  /** Finds out which of these are settled without having been taken. */
  | { readonly does: 'look'; readonly input_ids: readonly string[] }
  | { readonly does: 'show'; readonly approval: ApprovalView }
  | { readonly does: 'tell'; readonly note: Note }
  /** `drain`: gets all that there is now, then it is heard that it is drained. */
  | { readonly does: 'cancel' | 'follow' | 'drain' | 'read' }
  /** `answered`: the agent waits, and has answered all; `detached`: the work goes on. */
  | { readonly does: 'leave'; readonly how: 'detached' | 'answered' | 'over' }

export type Note =
  | { readonly kind: 'help' | 'held' | 'stopping' | 'no_question' | 'answer_first' | 'nothing_to_stop' | 'begin_anew' | 'no_answer' }
  | { readonly kind: 'unknown'; readonly command: string }

export interface Step {
  readonly talk: Talk
  readonly deeds: readonly Deed[]
}

/** A message that stops a turn where nothing else was said: an interrupt always goes on with one. */
export const stop_message = 'Stop what you are doing. Say in one sentence where you stopped, and wait for what I say next.'

/** @param input_id of an input that the first message was made, where the session had a live run */
export const beginTalk = (begin: { readonly is_typed: boolean; readonly run_id?: string | undefined; readonly input_id?: string | undefined }): Talk => ({
  is_typed: begin.is_typed,
  run_id: begin.run_id,
  phase: 'working',
  unseen: begin.input_id === undefined ? [] : [begin.input_id],
  taken: new Set(),
  held: [],
  questions: [],
  was_stopped: false,
  is_reading: false,
  is_read_out: false,
  is_draining: false,
  said_since_follow: false,
})

/** The agent has answered all that was said. */
export const isIdle = (talk: Talk): boolean => talk.phase !== 'working' && talk.unseen.length === 0 && talk.held.length === 0

const only = (talk: Talk, ...deeds: readonly Deed[]): Step => ({ talk, deeds })
const tell = (talk: Talk, kind: Exclude<Note['kind'], 'unknown'>): Step => only(talk, { does: 'tell', note: { kind } })

const said = (talk: Talk, message: Message): Step => {
  if (talk.run_id === undefined) return tell({ ...talk, held: [...talk.held, message] }, 'held')
  return only(talk, { does: 'send', ...message })
}

const stopped = (talk: Talk): Step => {
  if (isIdle(talk)) return tell(talk, 'nothing_to_stop')
  const { talk: after, deeds } = said({ ...talk, was_stopped: true }, { message: stop_message, queue_mode: 'interrupt' })
  return only(after, { does: 'tell', note: { kind: 'stopping' } }, ...deeds)
}

const left = (talk: Talk): Step => only(talk, { does: 'leave', how: talk.phase === 'over' ? 'over' : isIdle(talk) ? 'answered' : 'detached' })

/** The next question, where the one before it is gone. */
const withoutQuestion = (talk: Talk, gone: (approval_id: string) => boolean): Step => {
  const questions = talk.questions.filter(({ id }) => !gone(id))
  const [next] = questions
  const is_new = next !== undefined && next.id !== talk.questions[0]?.id
  return only({ ...talk, questions }, ...(is_new ? [{ does: 'show', approval: next } as const] : []))
}

const answered = (talk: Talk, { action, reason }: Extract<Typed, { kind: 'answer' }>): Step => {
  const [question] = talk.questions
  if (question === undefined) return tell(talk, 'no_question')
  const { talk: after, deeds } = withoutQuestion(talk, (id) => id === question.id)
  return only(after, { does: 'answer', approval_id: question.id, action, ...(reason === undefined ? {} : { reason }) }, ...deeds)
}

const typed = (talk: Talk, line: string): Step => {
  const meant = readTyped(line, talk.questions.length > 0)
  switch (meant.kind) {
    case 'nothing':
      return only(talk)
    case 'message':
      return said(talk, { message: meant.message, queue_mode: meant.queue_mode })
    case 'answer':
      return answered(talk, meant)
    case 'no_answer':
      return tell(talk, 'answer_first')
    case 'stop':
      return stopped(talk)
    case 'cancel':
      return talk.phase === 'over' ? left(talk) : only(talk, { does: 'cancel' })
    case 'detach':
      return left(talk)
    case 'help':
      return tell(talk, 'help')
    case 'unknown':
      return only(talk, { does: 'tell', note: { kind: 'unknown', command: meant.command } })
  }
}

const lineHeard = (talk: Talk, line: string): Step => {
  const read = { ...talk, is_reading: false }
  if (talk.is_typed) return typed(read, line)
  return line.trim() === '' ? only(read) : said(read, { message: line, queue_mode: 'followup' })
}

/** Ctrl-C: stops the turn once, else leaves. */
const interrupted = (talk: Talk): Step => {
  if (!talk.is_typed || talk.was_stopped || talk.run_id === undefined || isIdle(talk)) return left(talk)
  return stopped(talk)
}

/** Events that say that inputs were taken for a turn; one without a turn only hands them to the next attempt. */
const takenBy = ({ event_type, payload }: RunEventView): readonly string[] => {
  if (event_type !== 'input_dispatched' && event_type !== 'input_steered' && event_type !== 'steer_fallback_dispatched' && event_type !== 'interrupted')
    return []
  const { turn, input_ids } = eventSays(payload)
  return turn === undefined ? [] : input_ids
}

const questionsOf = (talk: Talk, events: readonly RunEventView[]): readonly Deed[] =>
  events.flatMap(({ event_type, payload }) => {
    const { approval_id } = eventSays(payload)
    return talk.is_typed && event_type === 'approval_requested' && approval_id !== undefined ? [{ does: 'load', approval_id } as const] : []
  })

const batchHeard = (talk: Talk, batch: TaskEventBatch): Step => {
  const taken = new Set([...talk.taken, ...batch.run_events.flatMap(takenBy)])
  const unseen = talk.unseen.filter((id) => !taken.has(id))
  const waits = batch.interaction?.state === 'waiting_for_input' && batch.interaction.pending_count === 0
  const run_id = batch.run_id ?? talk.run_id
  const resolved = new Set(batch.run_events.flatMap(({ event_type, payload }) => (event_type === 'approval_resolved' ? [eventSays(payload).approval_id] : [])))
  const next: Talk = {
    ...talk,
    taken,
    unseen,
    run_id,
    state: batch.task?.state ?? talk.state,
    phase: waits ? 'waiting' : 'working',
    held: run_id === undefined ? talk.held : [],
  }
  const { talk: after, deeds } = withoutQuestion(next, (id) => resolved.has(id))
  return only(
    after,
    ...questionsOf(talk, batch.run_events),
    ...deeds,
    ...(run_id === undefined ? [] : talk.held).map((message) => ({ does: 'send', ...message }) as const),
    ...(waits && unseen.length > 0 ? [{ does: 'look', input_ids: unseen } as const] : []),
  )
}

/** The task is over. Something that was said meanwhile may have begun it anew: that shows if it is followed again. */
const streamOver = (talk: Talk): Step => {
  if (talk.said_since_follow) return only({ ...talk, said_since_follow: false }, { does: 'follow' })
  const over: Talk = { ...talk, phase: 'over', unseen: [], questions: [] }
  if (talk.state === 'cancelled' || talk.state === 'dropped' || (talk.state !== 'done' && !talk.is_typed)) return left(over)
  return talk.is_typed ? tell(over, 'begin_anew') : only(over)
}

const sent = (talk: Talk, input_id: string): Step => {
  const unseen = talk.taken.has(input_id) ? talk.unseen : [...talk.unseen, input_id]
  const was_over = talk.phase === 'over'
  return only({ ...talk, unseen, said_since_follow: !was_over, phase: was_over ? 'working' : talk.phase }, ...(was_over ? [{ does: 'follow' } as const] : []))
}

const asked = (talk: Talk, approval: ApprovalView): Step => {
  if (approval.state !== 'open' || talk.questions.some(({ id }) => id === approval.id)) return only(talk)
  const is_first = talk.questions.length === 0
  return only({ ...talk, questions: [...talk.questions, approval] }, ...(is_first ? [{ does: 'show', approval } as const] : []))
}

const drained = (talk: Talk): Step => {
  if (isIdle(talk)) return left(talk)
  return only({ ...talk, is_draining: false, said_since_follow: false }, { does: 'follow' })
}

const heard = (talk: Talk, news: Heard): Step => {
  switch (news.what) {
    case 'batch':
      return batchHeard(talk, news.batch)
    case 'stream_over':
      return streamOver(talk)
    case 'line':
      return lineHeard(talk, news.line)
    case 'end_of_lines':
      return talk.is_typed ? left(talk) : only({ ...talk, is_reading: false, is_read_out: true })
    case 'interrupt':
      return interrupted(talk)
    case 'drained':
      return drained(talk)
    case 'refused':
      return only({ ...talk, was_stopped: false })
    case 'sent':
      return sent(talk, news.input_id)
    case 'settled':
      return only({ ...talk, unseen: talk.unseen.filter((id) => !news.input_ids.includes(id)) })
    case 'question':
      return asked(talk, news.approval)
  }
}

/** Where nothing is left to be heard, the next line is read, or it is left. */
const thenRead = ({ talk, deeds }: Step): Step => {
  const calm = isIdle(talk) && talk.was_stopped ? { ...talk, was_stopped: false } : talk
  if (deeds.some(({ does }) => does === 'leave' || does === 'send')) return { talk: calm, deeds }
  if (!calm.is_read_out && !calm.is_reading && (calm.is_typed || isIdle(calm))) return only({ ...calm, is_reading: true }, ...deeds, { does: 'read' })
  if (!calm.is_read_out || !isIdle(calm) || calm.is_draining) return { talk: calm, deeds }
  return calm.phase === 'over' ? only(calm, ...deeds, { does: 'leave', how: 'over' }) : only({ ...calm, is_draining: true }, ...deeds, { does: 'drain' })
}

/** What comes of what was heard. The deeds are done in their order; what they bring is heard before anything else. */
export const hear = (talk: Talk, news: Heard): Step => thenRead(heard(talk, news))
