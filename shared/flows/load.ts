/** Reading what belongs together. */
import { refs } from '../store/keys.ts'
import { pendingInputs } from '../domain/inputs.ts'
import { placeInLine } from '../domain/lines.ts'
import { openQuestions } from '../domain/questions.ts'
import type { Approval } from '../domain/approval.ts'
import type { Command } from '../domain/command.ts'
import type { Input } from '../domain/input.ts'
import type { Place } from '../domain/instance.ts'
import { isLive, type Run } from '../domain/run.ts'
import type { Session } from '../domain/session.ts'
import type { Task } from '../domain/task.ts'
import type { FlowDeps } from './flow.ts'

/** The command of a task. It is written with the task and never deleted, so its absence is a bug. */
export const loadCommand = async (deps: FlowDeps, task: Pick<Task, 'workspace_id' | 'command_key' | 'id'>): Promise<Command> => {
  const known = deps.commands?.find(task.workspace_id, task.command_key)
  if (known !== undefined) return known
  const command = await deps.store.get(refs.command(task.workspace_id, task.command_key))
  if (command === undefined) throw new Error(`the command of ${task.id} is missing`)
  deps.commands?.keep(command)
  return command
}

/** The latest run of a task; undefined where it never had one. */
export const loadTargetRun = async (deps: FlowDeps, task: Task): Promise<Run | undefined> =>
  task.target_run_id === undefined ? undefined : deps.store.get(refs.run(task.workspace_id, task.target_run_id))

/** What tasks are to do, and the latest run of each that had one, in one read and in the order of the tasks. */
export const loadWorks = async (deps: FlowDeps, tasks: readonly Task[]): Promise<readonly { readonly command: Command; readonly run: Run | undefined }[]> => {
  const found = await deps.store.getMany<'command' | 'run'>(
    tasks.flatMap(({ workspace_id, command_key, target_run_id }) => [
      refs.command(workspace_id, command_key),
      ...(target_run_id === undefined ? [] : [refs.run(workspace_id, target_run_id)]),
    ]),
  )
  const commands = new Map(found.flatMap((record) => (record?.kind === 'command' ? [[record.command_key, record]] : [])))
  const runs = new Map<string, Run>(found.flatMap((record) => (record?.kind === 'run' ? [[record.id, record]] : [])))
  return tasks.map((task) => {
    const command = commands.get(task.command_key)
    if (command === undefined) throw new Error(`the command of ${task.id} is missing`)
    return { command, run: task.target_run_id === undefined ? undefined : runs.get(task.target_run_id) }
  })
}

/**
 * The records of the inputs that are pending in a run. Nothing is read where it has none. Undefined where one is settled already:
 * then somebody wrote between the two reads, and both have to be read again.
 */
export const loadPendingInputs = async (deps: FlowDeps, run: Run | undefined): Promise<readonly Input[] | undefined> => {
  if (run === undefined) return []
  const pending = pendingInputs(run)
  if (pending.length === 0) return []
  const records = await deps.store.getMany(pending.map(({ seq }) => refs.input(run.workspace_id, run.task_id, seq)))
  const inputs = records.filter((record): record is Input => record !== undefined && record.settled === undefined)
  return inputs.length === pending.length ? inputs : undefined
}

/** The records of the questions that are open in a run. Nothing is read where it has none; undefined as with inputs. */
const loadOpenApprovals = async (deps: FlowDeps, run: Run): Promise<readonly Approval[] | undefined> => {
  const open = openQuestions(run)
  if (open.length === 0) return []
  const records = await deps.store.getMany(open.map((question) => refs.approval(run.workspace_id, run.id, question.approval_id)))
  const approvals = records.filter((record): record is Approval => record !== undefined && record.resolved === undefined)
  return approvals.length === open.length ? approvals : undefined
}

/** What hangs on a run, and is ended with it or moved by it. */
export interface Attached {
  readonly inputs: readonly Input[]
  readonly approvals: readonly Approval[]
  /** Where it may be kept for the run. */
  readonly session?: Session | undefined
}

/** Reads what hangs on a run: nothing, for most. Undefined where somebody wrote between two reads. */
export const loadAttached = async (deps: FlowDeps, run: Run | undefined): Promise<Attached | undefined> => {
  const inputs = await loadPendingInputs(deps, run)
  if (inputs === undefined) return undefined
  if (run?.questions === undefined) return { inputs, approvals: [] }
  const [approvals, session] = await Promise.all([loadOpenApprovals(deps, run), deps.store.get(refs.session(run.workspace_id, run.session_id))])
  return approvals === undefined ? undefined : { inputs, approvals, session }
}

/**
 * Where a queued task stands: in its class's line or in its session's waiting line. It may move from the one to the other and back
 * between two reads, so it is missing only where the class's line does not have it afterwards either.
 */
export const loadPlace = async (deps: FlowDeps, task: Task): Promise<Place | undefined> => {
  if (task.state !== 'queued') return undefined
  const in_class = refs.place(placeInLine(task, undefined))
  const in_session = refs.place({ ...placeInLine(task, undefined), line: 'session' })
  return (await deps.store.get(in_class)) ?? (await deps.store.get(in_session)) ?? (await deps.store.get(in_class))
}

/**
 * A task that runs has a live attempt, and one that does not has none; but one that waits may have an attempt that waits. Where two reads
 * say otherwise, somebody wrote between them: read both again.
 */
export const fitTogether = (task: Task, run: Run | undefined): boolean =>
  task.state === 'waiting'
    ? run !== undefined && (!isLive(run.attempt) || run.waiting_since !== undefined)
    : (task.state === 'running') === (run !== undefined && isLive(run.attempt) && run.waiting_since === undefined)
