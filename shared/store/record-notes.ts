/** Every kind of record in the table: where it lies, and what there is to know of it. */
import { ceilingPartition, classPartition, refs, sessionPartition } from './keys.ts'
import { key, w, type PatternKey } from './pattern.ts'
import { lines } from './patterns.ts'
import type { RecordKind } from './records.ts'

interface RecordNote {
  readonly key: PatternKey
  readonly note: string
}

/** Every kind of record: where it lies and what is worth knowing. */
export const record_notes = {
  agent: { key: key(refs.agent(w, '{agent}')), note: 'a deleted agent stays, so that past tasks can name it' },
  agent_key: { key: key(refs.agentKey(w, '{agent_key}')), note: 'holds an agent key for one agent' },
  command: { key: key(refs.command(w, '{command_key}')), note: 'immutable: params, policy and agent config as accepted; what is too large lies in the bucket' },
  task: { key: key(refs.task(w, '{task}')), note: 'small and hot; carries the due time of itself and of its run' },
  place: {
    key: { pk: classPartition(w, '{class}'), sk: `${lines.class}{rank}#{task}` },
    note: `in line; while another attempt holds its session: ${sessionPartition(w, '{session}')} / ${lines.session}{rank}#{task}`,
  },
  instance: { key: key(refs.instance(w, '{class}')), note: 'counters, limit, health; the hottest record of a busy class' },
  session: { key: key(refs.session(w, '{session}')), note: 'the lease: owner and fencing token' },
  shared_file: {
    key: key(refs.sharedFile({ workspace_id: w, session_id: '{session}', file: 'workspace', fencing_token: 1, turn: 1 })),
    note: 'a saved file of the session that forks name too; counts who names it',
  },
  run: { key: key(refs.run(w, '{run}')), note: 'with its latest attempt' },
  attempt: { key: key(refs.attempt(w, '{run}', 1)), note: 'an ended attempt that a later one replaced' },
  event: { key: key(refs.event(w, '{run}', 2)), note: 'immutable; event 1, accepted, is the creation of the run and has no record' },
  input: { key: key(refs.input(w, '{task}', 1)), note: 'what was said to a run that existed, and what became of it' },
  input_name: { key: key(refs.inputName(w, '{name}')), note: 'immutable; the name is the id of an input, or a hash of its task and idempotency key' },
  approval: { key: key(refs.approval(w, '{run}', '{approval}')), note: 'a question of the agent and its answer' },
  approval_name: { key: key(refs.approvalName(w, '{approval}')), note: 'immutable; finds an approval by its id' },
  log: { key: key(refs.log(w, '{run}', 1, 1)), note: 'up to 64 KiB of consecutive entries' },
  workspace: { key: key(refs.workspace(w)), note: 'the tenant' },
  gate: { key: key(refs.gate(w)), note: 'only of a workspace that was once killed, has a ceiling, or waited for that of the deployment' },
  ceiling: { key: key(refs.ceiling('{owner}')), note: 'the count of live attempts of a workspace or, under `deployment`, of all' },
  turn: { key: { pk: ceilingPartition('{owner}'), sk: 'TURN#{rank}#{workspace}#{class}' }, note: 'good for one admission of its class' },
  killed_attempt: { key: key(refs.killedAttempt(w, '{killed_at}', '{run}', 1)), note: 'an attempt that a kill has found live' },
  schedule: {
    key: key(refs.schedule(w, '{schedule}')),
    note: 'its next tick is the compare-and-swap of a fire; a deleted one stays, so that past tasks can name it',
  },
  tick: { key: key(refs.tick(w, '{schedule}', '{tick}')), note: 'immutable ledger row: how one nominal tick ended, and why' },
  api_key_name: { key: key(refs.apiKeyName(w, '{api_key}')), note: 'finds a key by its id' },
  api_key: { key: key(refs.apiKey('{sha256}')), note: 'the key itself is stored nowhere' },
} as const satisfies Record<RecordKind, RecordNote>
