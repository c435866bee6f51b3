/** Every operation of the API, by its id. */
import { agent_operations } from './agents.ts'
import { approval_operations } from './approvals.ts'
import { audit_operations } from './audit.ts'
import { explain_operations } from './explain.ts'
import { instance_operations } from './instances.ts'
import { kill_operations } from './kill.ts'
import { run_operations } from './runs.ts'
import { schedule_operations } from './schedules.ts'
import { system_operations } from './system.ts'
import { task_log_operations } from './task-logs.ts'
import { task_operations } from './tasks.ts'
import { workspace_operations } from './workspaces.ts'

export const operations = {
  ...system_operations,
  ...agent_operations,
  ...task_operations,
  ...explain_operations,
  ...task_log_operations,
  ...run_operations,
  ...approval_operations,
  ...instance_operations,
  ...schedule_operations,
  ...workspace_operations,
  ...audit_operations,
  ...kill_operations,
} as const

export type Operations = typeof operations
export type OperationId = keyof Operations
