/** Keys that are hashes: the execution class and the command. The separator keeps ('a', 'bc') apart from ('ab', 'c'). */
import { createHash } from 'node:crypto'
import { ClassKey, type AgentId, type TaskId, type WorkspaceId } from './ids.ts'
import { policyFingerprint, type Policy } from './policy.ts'

const hash32 = (parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)

/** Work of one class shares a limit and a circuit breaker: same workspace, agent, lane and policy (SPEC §3). */
export const classKey = (scope: { workspace_id: WorkspaceId; agent_id: AgentId; lane?: string | undefined; policy: Policy }): ClassKey =>
  ClassKey.parse(`execclass_${hash32([scope.workspace_id, scope.agent_id, scope.lane ?? '', policyFingerprint(scope.policy)])}`)

/** Where the command of an idempotency key lies. */
export const commandKey = (agent_id: AgentId, idempotency_key: string): string => hash32([agent_id, idempotency_key])

/** The name under which the input of an idempotency key is found. */
export const inputName = (task_id: TaskId, idempotency_key: string): string => hash32([task_id, idempotency_key])
