/**
 * The alarm clock on EventBridge Scheduler. All entries lie in one schedule group; each invokes one function with the time that it was
 * set to. Names are made of the schedule's id, so an entry is put where it lies already.
 */
import {
  ConflictException,
  CreateScheduleCommand,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  UpdateScheduleCommand,
  type CreateScheduleCommandInput,
  type SchedulerClient,
} from '@aws-sdk/client-scheduler'
import type { AlarmClockSettings } from '../../settings.ts'
import type { AlarmClock, AlarmEntry } from '../ports.ts'

export interface EventBridgeAlarmClockOptions {
  readonly client: SchedulerClient
  readonly settings: AlarmClockSettings
}

/** Longer than this nobody needs the alarm: the sweep has fired the tick. */
const retry_policy = { MaximumEventAgeInSeconds: 300, MaximumRetryAttempts: 5 } as const

type Name = { readonly workspace_id: string; readonly schedule_id: string }

const inputOf = ({ settings }: EventBridgeAlarmClockOptions, name: Name, entry: AlarmEntry): CreateScheduleCommandInput => ({
  GroupName: settings.group,
  Name: entry.name,
  ScheduleExpression: entry.expression,
  ScheduleExpressionTimezone: entry.timezone,
  FlexibleTimeWindow: { Mode: 'OFF' },
  ActionAfterCompletion: entry.once ? 'DELETE' : 'NONE',
  State: 'ENABLED',
  Target: {
    Arn: settings.target,
    RoleArn: settings.role,
    Input: JSON.stringify({ workspace_id: name.workspace_id, schedule_id: name.schedule_id, scheduled_at: '<aws.scheduler.scheduled-time>' }),
    DeadLetterConfig: { Arn: settings.dead_letters },
    RetryPolicy: retry_policy,
  },
})

/** Creates an entry, or changes the one that has its name. One that goes between the two is created by whoever repeats this. */
const put = async (options: EventBridgeAlarmClockOptions, name: Name, entry: AlarmEntry): Promise<void> => {
  const input = inputOf(options, name, entry)
  try {
    await options.client.send(new CreateScheduleCommand(input))
  } catch (error) {
    if (!(error instanceof ConflictException)) throw error
    await options.client.send(new UpdateScheduleCommand(input))
  }
}

const remove = async ({ client, settings }: EventBridgeAlarmClockOptions, name: string): Promise<void> => {
  try {
    await client.send(new DeleteScheduleCommand({ GroupName: settings.group, Name: name }))
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error
  }
}

export const eventBridgeAlarmClock = (options: EventBridgeAlarmClockOptions): AlarmClock => ({
  set: async (name, { entries, gone }) => {
    for (const entry of entries) await put(options, name, entry)
    for (const one of gone) await remove(options, one)
  },
})
