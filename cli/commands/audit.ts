/** `lanekeeper audit`: holds what must always hold against the records of the workspace. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import * as z from 'zod'
import type { AuditPage } from '../../shared/contract/audit.ts'
import { audited_invariants, invariant_titles, type AuditedInvariant } from '../../shared/audit/finding.ts'
import { print, type Act, type Context } from '../context.ts'
import { exit_codes } from '../io.ts'
import { clean } from '../render/style.ts'
import { parseDuration } from '../values.ts'

const AuditOptions = z.object({
  invariant: z.coerce
    .number()
    .refine((number) => audited_invariants.some((one) => one === number), { error: `must be one of ${audited_invariants.join(', ')}` })
    .optional(),
  pause: z.string().default('3s'),
})

interface Audited {
  readonly invariant: AuditedInvariant
  readonly title: string
  readonly checked: number
  readonly unsettled: number
  readonly violations: AuditPage['violations']
}

/** A page whose records moved is asked for again, this often. */
const tries_max = 5

const settledPage = async (context: Context, invariant: AuditedInvariant, cursor: string | undefined, pause_ms: number): Promise<AuditPage> => {
  const ask = async () => context.client.audit({ invariant: String(invariant), ...(cursor === undefined ? {} : { cursor }) })
  let page = await ask()
  for (let tries = 1; tries < tries_max && page.unsettled > 0; tries += 1) {
    await sleep(pause_ms)
    page = await ask()
  }
  return page
}

const auditOne = async (context: Context, invariant: AuditedInvariant, pause_ms: number): Promise<Audited> => {
  const violations: AuditPage['violations'] = []
  let checked = 0
  let unsettled = 0
  let cursor: string | undefined
  do {
    const page = await settledPage(context, invariant, cursor, pause_ms)
    violations.push(...page.violations)
    checked += page.checked
    unsettled += page.unsettled
    cursor = page.next_cursor
    if (context.io.is_terminal && !context.is_json) context.io.err(`\r${context.style.dim(`invariant ${invariant}: ${checked} checked`)}`)
  } while (cursor !== undefined)
  if (context.io.is_terminal && !context.is_json) context.io.err('\r\u001b[2K')
  return { invariant, title: invariant_titles[invariant], checked, unsettled, violations }
}

const line = ({ style }: Context, { invariant, title, checked, unsettled, violations }: Audited): string => {
  const mark = violations.length === 0 ? style.green('✓') : style.red('✗')
  const moved = unsettled === 0 ? '' : style.yellow(`, ${unsettled} moved at each look`)
  const found = violations.map(({ code, key, sentence }) => `    ${style.red(code)}  ${clean(sentence)}\n      ${style.dim(clean(key))}\n`)
  return `${mark} ${String(invariant).padStart(2)}  ${title}: ${checked} checked, ${violations.length} violated${moved}\n${found.join('')}`
}

/** Adds the command. */
export const addAudit = (program: Command, act: Act): void => {
  program
    .command('audit')
    .description('Hold what must always hold (SPEC §7) against the records of the workspace; needs an admin’s key')
    .option('--invariant <n>', `only this one: ${audited_invariants.join(', ')}`)
    .option('--pause <duration>', 'how long to wait before records that moved are looked at again (default 3s)')
    .action(
      act(AuditOptions, async (context, { options }) => {
        const pause_ms = parseDuration('--pause', options.pause)
        const wanted = audited_invariants.filter((one) => options.invariant === undefined || options.invariant === one)
        const audited: Audited[] = []
        for (const invariant of wanted) {
          const one = await auditOne(context, invariant, pause_ms)
          audited.push(one)
          if (!context.is_json) context.io.out(line(context, one))
        }
        if (context.is_json) print(context, { invariants: audited }, () => '')
        return audited.some(({ violations }) => violations.length > 0) ? exit_codes.failed : exit_codes.done
      }),
    )
}
