/** The template as data, synthesized once per test file, without bundling: what is tested here is the template. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import * as z from 'zod'
import { LanekeeperStack } from '../../infra/stack.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
export const readText = (path: string): string => readFileSync(join(root, path), 'utf8')

const CdkJson = z.object({ context: z.record(z.string(), z.unknown()) })

const Resource = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  Metadata: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
  Condition: z.string().optional(),
})
export type Resource = z.infer<typeof Resource>
const Parameter = z.looseObject({ Type: z.string(), Default: z.string().optional() })
/** The one form of condition there is: a parameter has a value. */
const Condition = z.strictObject({ 'Fn::Equals': z.tuple([z.strictObject({ Ref: z.string() }), z.string()]) })
const TemplateJson = z.looseObject({
  Resources: z.record(z.string(), Resource),
  Parameters: z.record(z.string(), Parameter),
  Conditions: z.record(z.string(), Condition),
})

/** An app and its stack as `cdk synth` makes them, with small entries in place of the functions. */
export const makeStack = (): { readonly app: App; readonly stack: LanekeeperStack } => {
  const { context } = CdkJson.parse(JSON.parse(readText('cdk.json')))
  const app = new App({ context: { ...context, 'aws:cdk:bundling-stacks': [] } })
  return { app, stack: new LanekeeperStack(app, 'Lanekeeper', { root, entries: 'test/infra/fixtures' }) }
}

export const synthesized = Template.fromStack(makeStack().stack)
export const template = TemplateJson.parse(synthesized.toJSON())

/** Resources of a type, as [logical id, resource]. */
export const resourcesOf = (type: string): readonly (readonly [string, Resource])[] =>
  Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)

/** The only resource of a type. */
export const onlyResource = (type: string): Resource => {
  const [[, only] = [], ...others] = resourcesOf(type)
  if (only === undefined || others.length > 0) throw new Error(`${others.length + (only === undefined ? 0 : 1)} of ${type}`)
  return only
}

const Ref = z.strictObject({ Ref: z.string() })
const GetAtt = z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) })
const Join = z.strictObject({ 'Fn::Join': z.tuple([z.string(), z.union([z.array(z.unknown()), Ref])]) })
const If = z.strictObject({ 'Fn::If': z.tuple([z.string(), z.unknown(), z.unknown()]) })
const Sub = z.strictObject({ 'Fn::Sub': z.union([z.string(), z.tuple([z.string(), z.record(z.string(), z.unknown())])]) })

const refText = (name: string, given: Readonly<Record<string, string>>): string => given[name] ?? template.Parameters[name]?.Default ?? `<${name}>`

/** Whether a condition of the template holds with the parameters as they are, or as they are given. */
export const holds = (name: string, given: Readonly<Record<string, string>> = {}): boolean => {
  const condition = template.Conditions[name]
  if (condition === undefined) throw new Error(`no condition ${name}`)
  const [{ Ref: parameter }, value] = condition['Fn::Equals']
  return refText(parameter, given) === value
}

/** The text that CloudFormation would make of a value; resources as `<LogicalId>` or `<LogicalId.Attribute>`. */
export const textOf = (value: unknown, given: Readonly<Record<string, string>> = {}): string => {
  if (typeof value === 'string') return value
  const ref = Ref.safeParse(value)
  if (ref.success) return refText(ref.data.Ref, given)
  const att = GetAtt.safeParse(value)
  if (att.success) return `<${att.data['Fn::GetAtt'].join('.')}>`
  const either = If.safeParse(value)
  if (either.success) {
    const [name, yes, no] = either.data['Fn::If']
    return textOf(holds(name, given) ? yes : no, given)
  }
  const join_ = Join.safeParse(value)
  if (join_.success) {
    const [separator, parts] = join_.data['Fn::Join']
    const texts = Array.isArray(parts) ? parts.map((part) => textOf(part, given)) : refText(parts.Ref, given).split(',')
    return texts.join(separator)
  }
  const body = Sub.parse(value)['Fn::Sub']
  const [text, variables] = typeof body === 'string' ? [body, {}] : body
  return text.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => (name in variables ? textOf(variables[name], given) : refText(name, given)))
}

/** The logical id that a value points at. */
export const targetOf = (value: unknown): string => {
  const text = textOf(value)
  const found = /^<([A-Za-z0-9]+)(?:\.\w+)?>$/.exec(text)
  if (found?.[1] === undefined) throw new Error(`${text} names no resource`)
  return found[1]
}
