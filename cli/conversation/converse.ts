/** Holds a conversation: hears what happens to the task and what is typed, and does what talk.ts decides. */
import { setTimeout } from 'node:timers/promises'
import type { ApprovalView } from '../../shared/contract/approvals.ts'
import type { TaskEventBatch } from '../../shared/contract/task-logs.ts'
import { LanekeeperError, LanekeeperUnreachable } from '../../client/error.ts'
import { cursorsOf, type Place } from '../../client/follow.ts'
import { retryable_statuses } from '../../client/http.ts'
import type { Context } from '../context.ts'
import { exit_codes, type ExitCode, type Lines } from '../io.ts'
import { noteLines, promptOf, questionLines, sentLine } from '../render/conversation.ts'
import { showBatch, showEnd, type FollowView } from '../render/follow.ts'
import { clean } from '../render/style.ts'
import { comeBack, exitCodeOf } from '../commands/following.ts'
import { mailbox, type Mailbox } from './mailbox.ts'
import { quietBatch } from './quiet.ts'
import { beginTalk, hear, type Deed, type Heard, type Talk } from './talk.ts'

export interface Begin {
  readonly task_id: string
  readonly run_id?: string | undefined
  /** The first message was made this input of a live run. */
  readonly input_id?: string | undefined
  /** Only what follows this is shown. */
  readonly after?: Place | undefined
  readonly with_prompt: boolean
  /** Open already. */
  readonly questions: readonly ApprovalView[]
}

/** What comes: something that is heard, or a failure that ends the conversation. */
type Mail = Heard | { readonly what: 'broken'; readonly error: unknown }

export interface Opened {
  readonly lines: Lines
  readonly mail: Mailbox<Mail>
  /** Aborted by a second Ctrl-C while the first was not heard yet: a call takes too long. */
  readonly patience: AbortController
  readonly presses: { unheard: number }
}

interface Conversation extends Opened {
  readonly context: Context
  readonly begin: Begin
  talk: Talk
  view: FollowView
  /** Where the events were received to. */
  place: Place | undefined
  last: TaskEventBatch | undefined
  /** Ends the stream that is followed. */
  following: AbortController
}

const say = ({ context, lines }: Conversation, text: string): void => {
  if (!context.is_json && text !== '') lines.write(text)
}
const json = ({ context, lines }: Conversation, value: unknown): void => {
  if (context.is_json) lines.write(`${JSON.stringify(value)}\n`)
}

const optionsOf = ({ context: { style, io, name }, begin: { with_prompt } }: Conversation) => ({ style, columns: io.columns, with_prompt, name })

const received = (it: Conversation, batch: TaskEventBatch): void => {
  it.place = batch
  it.mail.put({ what: 'batch', batch })
}

/** What passes: nobody answers, or whoever does is too busy. */
const passes = (error: unknown): boolean =>
  error instanceof LanekeeperUnreachable || (error instanceof LanekeeperError && retryable_statuses.includes(error.status))
const again_ms = 1_000

/** The events until the task is over. @returns false where nobody answered for a while */
const followOnce = async (it: Conversation, signal: AbortSignal): Promise<boolean> => {
  try {
    for await (const batch of it.context.client.streamTaskEvents(it.begin.task_id, { signal, after: it.place })) {
      if (signal.aborted) return true
      received(it, batch)
    }
    it.mail.put({ what: 'stream_over' })
  } catch (error) {
    if (!signal.aborted && it.lines.is_typed && passes(error)) return false
    if (!signal.aborted) it.mail.put({ what: 'broken', error })
  }
  return true
}

/** Follows the task. Who sits at a terminal sits through an outage, too; a pipe ends with it. */
const follow = async (it: Conversation): Promise<void> => {
  it.following = new AbortController()
  const { signal } = it.following
  for (let failures = 0; !(await followOnce(it, signal)); failures += 1) {
    if (failures === 0) say(it, noteLines(it.context.style, { kind: 'no_answer' }))
    await setTimeout(again_ms, undefined, { signal }).catch(() => undefined)
  }
}

const drain = async (it: Conversation): Promise<void> => {
  it.following.abort()
  for (;;) {
    const batch = await it.context.client.tasks.events(it.begin.task_id, cursorsOf(it.place))
    received(it, batch)
    if (batch.logs.length === 0 && batch.run_events.length === 0) return it.mail.put({ what: 'drained' })
  }
}

const read = async (it: Conversation): Promise<void> => {
  const line = await it.lines.next()
  it.mail.put(line === undefined ? { what: 'end_of_lines' } : { what: 'line', line })
}

const showNews = (it: Conversation, batch: TaskEventBatch): void => {
  json(it, batch)
  const quiet = { is_started: it.view.is_started === true, is_typed: it.lines.is_typed }
  const { view, text } = showBatch(optionsOf(it), it.view, quietBatch(quiet, batch))
  say(it, text)
  it.view = view
  it.last = { ...batch, task: batch.task ?? it.last?.task, run: batch.run ?? it.last?.run }
}

const showOver = (it: Conversation): void => {
  const { task, run } = it.last ?? {}
  if (task !== undefined) say(it, showEnd(optionsOf(it), it.view, task, run))
  it.view = {}
}

/** A refusal is told to the one who types, who may try something else; a pipe cannot. */
const told = async (it: Conversation, what: string, call: () => Promise<Heard | undefined>): Promise<Heard | undefined> => {
  try {
    return await call()
  } catch (error) {
    const is_expected = error instanceof LanekeeperError || error instanceof LanekeeperUnreachable
    if (!it.lines.is_typed || !is_expected || it.patience.signal.aborted) throw error
    say(it, `${it.context.style.red(`✗ ${what}:`)} ${clean(error.message)}\n`)
    return { what: 'refused' }
  }
}

const send = async (it: Conversation, { message, queue_mode }: Extract<Deed, { does: 'send' }>): Promise<Heard> => {
  const { context, talk, lines } = it
  if (talk.run_id === undefined) throw new Error('there is no run to send it to')
  if (!lines.is_typed) say(it, `${context.style.bold(`› ${clean(message)}`)}\n`)
  const sent = await context.client.runs.send(talk.run_id, { message, queue_mode }, { signal: it.patience.signal })
  json(it, sent)
  if (lines.is_typed) say(it, sentLine(context.style, sent.input))
  return { what: 'sent', input_id: sent.input.id }
}

const answer = async (it: Conversation, { approval_id, action, reason }: Extract<Deed, { does: 'answer' }>): Promise<undefined> => {
  await it.context.client.approvals.answer(approval_id, { action, ...(reason === undefined ? {} : { reason }) }, { signal: it.patience.signal })
  return undefined
}

const look = async ({ context, patience: { signal } }: Conversation, input_ids: readonly string[]): Promise<Heard> => {
  const inputs = await Promise.all(input_ids.map((id) => context.client.runs.input(id, { signal })))
  const lost = inputs.filter(({ disposition }) => disposition !== undefined && disposition.kind !== 'consumed')
  return { what: 'settled', input_ids: lost.map(({ id }) => id) }
}

const cancel = async (it: Conversation): Promise<undefined> => {
  await it.context.client.tasks.cancel(it.begin.task_id, { signal: it.patience.signal })
  return undefined
}

/** What was not finished does not hold up what is: it is heard of by mail. */
const inBackground = (it: Conversation, work: Promise<void>): undefined =>
  void work.catch((error: unknown) => {
    it.mail.put({ what: 'broken', error })
  })

const does = async (it: Conversation, deed: Exclude<Deed, { does: 'leave' }>): Promise<Heard | undefined> => {
  const { client, style } = it.context
  const { signal } = it.patience
  switch (deed.does) {
    case 'send':
      return told(it, 'not sent', () => send(it, deed))
    case 'answer':
      return told(it, 'not answered', () => answer(it, deed))
    case 'cancel':
      return told(it, 'not cancelled', () => cancel(it))
    case 'load':
      return told(it, 'the question is not shown', async () => ({ what: 'question', approval: await client.approvals.get(deed.approval_id, { signal }) }))
    case 'look':
      return told(it, 'it is not known what became of a message', () => look(it, deed.input_ids))
    case 'show':
      say(it, questionLines(style, deed.approval))
      return undefined
    case 'tell':
      say(it, noteLines(style, deed.note))
      return undefined
    case 'follow':
      return inBackground(it, follow(it))
    case 'drain':
      return inBackground(it, drain(it))
    case 'read':
      return inBackground(it, read(it))
  }
}

/** Hears, and does what comes of it, down to what that brings. @returns how it was left, if it was */
const react = async (it: Conversation, heard: Heard): Promise<Extract<Deed, { does: 'leave' }> | undefined> => {
  const { talk, deeds } = hear(it.talk, heard)
  it.talk = talk
  if (heard.what === 'stream_over' && talk.phase === 'over') showOver(it)
  for (const deed of deeds) {
    if (deed.does === 'leave') return deed
    const brought = await does(it, deed)
    const left = brought === undefined ? undefined : await react(it, brought)
    if (left !== undefined) return left
  }
  return undefined
}

const leave = (it: Conversation, how: Extract<Deed, { does: 'leave' }>['how']): ExitCode => {
  const { context, begin, talk, lines } = it
  lines.close()
  if (how === 'over') return exitCodeOf(talk.state ?? 'error')
  const state = how === 'detached' ? 'Detached. It goes on.' : 'It waits for your next message.'
  const back = `  go on:  ${context.name} attach --interactive ${begin.task_id}\n`
  if (!context.is_json) context.io.err(`${begin.task_id}: ${state}\n${context.style.dim(back)}${comeBack(context, begin.task_id)}`)
  return how === 'detached' ? exit_codes.detached : exit_codes.done
}

/** @returns how the command ends: as the task did; `done` where the agent waits for the next message; `detached` where it works on */
const untilLeft = async (it: Conversation): Promise<ExitCode> => {
  for (const approval of it.begin.questions) await react(it, { what: 'question', approval })
  for (;;) {
    it.lines.prompt(promptOf(it.context.style, it.talk))
    const mail = await it.mail.take()
    if (mail.what === 'broken') throw mail.error
    if (mail.what === 'interrupt') it.presses.unheard = 0
    if (mail.what === 'batch') showNews(it, mail.batch)
    const left = await react(it, mail)
    if (left !== undefined) return leave(it, left.how)
  }
}

/**
 * Holds a conversation with the agent of a task until it is left.
 * @param lines as openConversation opened them
 */
export const converse = async (opened: Opened, context: Context, begin: Begin): Promise<ExitCode> => {
  const { lines } = opened
  const talk = beginTalk({ ...begin, is_typed: lines.is_typed })
  const it: Conversation = { ...opened, context, begin, talk, view: {}, place: begin.after, last: undefined, following: new AbortController() }
  inBackground(it, follow(it))
  try {
    return await untilLeft(it)
  } catch (error) {
    if (it.patience.signal.aborted) return leave(it, 'detached')
    throw error
  } finally {
    it.following.abort()
    lines.close()
  }
}

/** Begins to listen to whoever types, before there is anything to talk to. */
export const openConversation = ({ io, is_json }: Context): Opened => {
  const mail = mailbox<Mail>()
  const patience = new AbortController()
  const presses = { unheard: 0 }
  const interrupted = () => {
    presses.unheard += 1
    if (presses.unheard > 1) patience.abort()
    mail.put({ what: 'interrupt' })
  }
  return { mail, patience, presses, lines: io.openLines(interrupted, !is_json) }
}
