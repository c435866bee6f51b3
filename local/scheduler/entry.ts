/** A schedule as CreateSchedule and UpdateSchedule say it. Source: EventBridge Scheduler API reference. */
import * as z from 'zod'

const Name = z.string().regex(/^[0-9a-zA-Z-_.]{1,64}$/)

export const Entry = z.strictObject({
  Name,
  GroupName: Name.default('default'),
  ScheduleExpression: z.string().min(1).max(256),
  ScheduleExpressionTimezone: z.string().min(1).max(50).default('UTC'),
  FlexibleTimeWindow: z.discriminatedUnion('Mode', [
    z.strictObject({ Mode: z.literal('OFF') }),
    z.strictObject({ Mode: z.literal('FLEXIBLE'), MaximumWindowInMinutes: z.int().min(1).max(1_440) }),
  ]),
  Target: z.strictObject({
    Arn: z.string(),
    RoleArn: z.string().min(1),
    Input: z.string().optional(),
    DeadLetterConfig: z.strictObject({ Arn: z.string().optional() }).optional(),
    RetryPolicy: z
      .strictObject({
        MaximumEventAgeInSeconds: z.int().min(60).max(86_400).default(86_400),
        MaximumRetryAttempts: z.int().min(0).max(185).default(185),
      })
      .default({ MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 }),
    SqsParameters: z.strictObject({ MessageGroupId: z.string().optional() }).optional(),
  }),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  ActionAfterCompletion: z.enum(['NONE', 'DELETE']).default('NONE'),
  Description: z.string().max(512).optional(),
  StartDate: z.number().optional(),
  EndDate: z.number().optional(),
  ClientToken: z.string().optional(),
})
export type Entry = z.infer<typeof Entry>

/** As it is kept: the time it was made and changed, in milliseconds, and the last time that it rang. */
export const StoredEntry = z.strictObject({ entry: Entry, created_ms: z.number(), modified_ms: z.number(), rang_ms: z.number().optional() })
export type StoredEntry = z.infer<typeof StoredEntry>

export const keyOf = ({ GroupName, Name: name }: Pick<Entry, 'GroupName' | 'Name'>): string => `${GroupName}/${name}`
