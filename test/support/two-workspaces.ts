/** Two workspaces with an agent, a live task and a key each, and a key of every role for the first. */
import { operations } from '../../shared/contract/operations.ts'
import type { roles } from '../../shared/domain/workspace.ts'
import { askQuestion } from '../../shared/flows/questions.ts'
import { identity } from './looks.ts'
import { apiPlane, shaped, type ApiPlane } from './http.ts'

export interface World {
  readonly plane: ApiPlane
  readonly keys: Readonly<Record<'viewer' | 'member' | 'admin' | 'operator' | 'revoked', string>>
  /** What the workspace has, by the name that it has in paths. */
  readonly own: Readonly<Record<string, string>>
  /** What another workspace has. */
  readonly foreign: Readonly<Record<string, string>>
  readonly foreign_workspace_id: string
  readonly idle_agent_id: string
}

/** Well-formed ids of nothing. */
export const unknown_ids: Readonly<Record<string, string>> = {
  agent_id: 'agt_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  task_id: 'task_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  input_id: 'inp_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  run_id: 'run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  instance_key: `execclass_${'0'.repeat(32)}`,
  approval_id: 'apr_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  schedule_id: 'sch_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  workspace_id: 'ws_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  api_key_id: 'key_7ZZZZZZZZZZZZZZZZZZZZZZZZZ',
}

/** The least body of operations that need one; the others take an empty one, or find the id wrong first. */
export const least_bodies: Readonly<Record<string, object>> = { sendRunInput: { message: 'x' }, answerApproval: { action: 'approve' } }

/** An agent with a live task, as a workspace's key makes them. */
const furnish = async (plane: ApiPlane, key: string, headers: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<string, string>>> => {
  const post = async (path: string, body: object) => plane.call('POST', path, { key, headers, body })
  const agent = shaped(
    operations.createAgent.responses[201],
    await post('/v1/agents', { agent_key: 'furniture', config: { runner: 'process', command: ['true'] } }),
    201,
  )
  const { task } = shaped(
    operations.acceptAgentCommand.responses[202],
    await post('/v1/tasks', { agent_id: agent.id, message: 'x', session_id: 'shared', label: 'shared' }),
    202,
  )
  await plane.deliver()
  const { target_run_id } = shaped(operations.getTask.responses[200], await plane.call('GET', `/v1/tasks/${task.id}`, { key, headers }))
  const sandbox = plane.sandboxes.find((one) => one.run_id === target_run_id)
  if (sandbox === undefined) throw new Error('the task did not start')
  await plane.claim(sandbox)
  const asked = await askQuestion(plane.deps, identity({ ...plane, workspace_id: agent.workspace_id }, sandbox), {
    tool_use_id: 'toolu_1',
    tool: 'Bash',
    input: '{}',
    reason: 'x',
  })
  if (!asked.ok) throw new Error(asked.detail)
  const sent = shaped(operations.sendRunInput.responses[202], await post(`/v1/runs/${target_run_id}/input`, { message: 'x' }), 202)
  const schedule = shaped(
    operations.createSchedule.responses[201],
    await post('/v1/schedules', { agent_id: agent.id, cron_expr: '0 9 * * *', prompt: 'x' }),
    201,
  )
  await plane.deliver()
  const made = shaped(operations.createApiKey.responses[201], await post('/v1/api-keys', { name: 'k', role: 'viewer' }), 201)
  return {
    workspace_id: agent.workspace_id,
    agent_id: agent.id,
    task_id: task.id,
    run_id: target_run_id ?? '',
    input_id: sent.input.id,
    instance_key: task.execution_class_key,
    schedule_id: schedule.id,
    approval_id: asked.value.approval_id,
    api_key_id: made.api_key.id,
    key: made.key,
  }
}

export const twoWorkspaces = async (): Promise<World> => {
  const plane = apiPlane({ deployment: { runners: ['process'], sandbox: { network: false, files: false, hint: 'Install bubblewrap.' } } })
  const keyOf = async (role: (typeof roles)[number]) => plane.makeKey(plane.workspace_id, role)
  const keys = {
    viewer: await keyOf('viewer'),
    member: await keyOf('member'),
    admin: await keyOf('admin'),
    operator: await keyOf('operator'),
    revoked: await plane.makeKey(plane.workspace_id, 'admin', { revoked: true }),
  }
  const own = await furnish(plane, keys.admin)
  const idle = shaped(
    operations.createAgent.responses[201],
    await plane.call('POST', '/v1/agents', { key: keys.admin, body: { agent_key: 'idle', active: false } }),
    201,
  )
  const other = shaped(
    operations.createWorkspace.responses[201],
    await plane.call('POST', '/v1/workspaces', { key: keys.operator, body: { name: 'Other' } }),
    201,
  )
  const foreign = await furnish(plane, keys.operator, { 'x-lanekeeper-workspace': other.id })
  return { plane, keys, own, foreign, foreign_workspace_id: other.id, idle_agent_id: idle.id }
}
