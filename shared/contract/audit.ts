/** The audit: what must always hold (SPEC §7), held against the records of a workspace. */
import * as z from 'zod'
import { audited_invariants, finding_kinds, type FindingCode } from '../audit/finding.ts'
import { Cursor, named, Nothing } from './common.ts'
import { operation } from './operation.ts'

const codes = Object.keys(finding_kinds).filter((code): code is FindingCode => code in finding_kinds)

export const Violation = named(
  'Violation',
  z.object({
    /** Stable. */
    code: z.enum(codes),
    /** Where the record lies: `pk / sk`. */
    key: z.string(),
    /** For people; may improve. */
    sentence: z.string(),
  }),
)
export type Violation = z.infer<typeof Violation>

export const AuditPage = named(
  'AuditPage',
  z.object({
    invariant: z.int(),
    /** Records of this page that were held against the invariant, with their neighbours. */
    checked: z.int(),
    /** Of those, how many looked wrong and changed at each look, so that nothing is known of them. Ask for this page again in a few seconds. */
    unsettled: z.int(),
    violations: z.array(Violation),
    next_cursor: z.string().optional(),
  }),
)
export type AuditPage = z.infer<typeof AuditPage>

const invariant = z
  .enum(audited_invariants.map(String))
  .transform(Number)
  .transform((number, context) => {
    const known = audited_invariants.find((one) => one === number)
    if (known !== undefined) return known
    context.addIssue('is not one of the allowed values')
    return z.NEVER
  })
  .meta({ openapi: { type: 'integer', enum: [...audited_invariants] } })

export const audit_operations = {
  audit: operation({
    id: 'audit',
    method: 'GET',
    path: '/v1/audit',
    tag: 'system',
    summary: 'Hold an invariant against the records of the workspace, one page a call',
    role: 'admin',
    params: Nothing,
    query: z.strictObject({ invariant, cursor: Cursor.optional() }),
    responses: { 200: AuditPage },
    problems: [],
  }),
} as const
