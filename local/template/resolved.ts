/** The template with everything resolved for this machine: what the parts of the local stack are provisioned from. */
import * as z from 'zod'
import { identityOf, type Identity, type Surroundings } from './identities.ts'
import { evaluateCondition, resolve, textOf, type Scope } from './intrinsics.ts'
import { refuseUnknownTypes, type EmulatedType } from './resource-types.ts'
import type { Json, Parameter, SynthesizedStack, Template } from './template.ts'

/** A resource with its properties resolved and parsed. */
export interface ResolvedResource<P> {
  readonly logical_id: string
  readonly identity: Identity
  readonly properties: P
}

export interface ResolvedStack {
  readonly surroundings: Surroundings
  /** All resources of the given types whose condition holds, in the template's order. Throws if one does not fit the schema. */
  of<S extends z.ZodType>(types: readonly EmulatedType[], schema: S): readonly ResolvedResource<z.infer<S>>[]
}

const zones = ['local-a', 'local-b', 'local-c']
const isList = (type: string) => type === 'CommaDelimitedList' || type.startsWith('List<')

const parameterValue = (name: string, parameter: Parameter, given: string | undefined): Json => {
  const value = given ?? parameter.Default
  if (value === undefined) throw new Error(`the template's parameter ${name} has no default: the local stack must give it a value`)
  if (parameter.AllowedValues !== undefined && !parameter.AllowedValues.includes(value))
    throw new Error(`parameter ${name} is ${JSON.stringify(value)}; allowed: ${JSON.stringify(parameter.AllowedValues)}`)
  if (isList(parameter.Type) && typeof value === 'string') return value === '' ? [] : value.split(',').map((item) => item.trim())
  return value
}

const parameterValues = (template: Template, given: Readonly<Record<string, string>>): ReadonlyMap<string, Json> => {
  const unknown = Object.keys(given).filter((name) => template.Parameters[name] === undefined)
  if (unknown.length > 0) throw new Error(`the template has no parameter ${unknown.join(', ')}; it has ${Object.keys(template.Parameters).join(', ')}`)
  return new Map(Object.entries(template.Parameters).map(([name, parameter]) => [name, parameterValue(name, parameter, given[name])]))
}

const pseudoParameters = (around: Surroundings): ReadonlyMap<string, Json | undefined> =>
  new Map<string, Json | undefined>([
    ['AWS::AccountId', around.account],
    ['AWS::Region', around.region],
    ['AWS::Partition', 'aws'],
    ['AWS::URLSuffix', 'amazonaws.com'],
    ['AWS::StackName', around.stack_name],
    ['AWS::StackId', `arn:aws:cloudformation:${around.region}:${around.account}:stack/${around.stack_name}/local`],
    ['AWS::NoValue', undefined],
  ])

/** The scope in which the expressions of `template` are resolved. Identities are made at first need, since names may refer to parameters. */
const scopeOf = (template: Template, values: ReadonlyMap<string, Json>, around: Surroundings) => {
  const pseudo = pseudoParameters(around)
  const identities = new Map<string, Identity>()
  const identity = (logical_id: string): Identity => {
    const known = identities.get(logical_id)
    if (known !== undefined) return known
    const resource = template.Resources[logical_id]
    if (resource === undefined) throw new Error(`the template refers to ${logical_id}, which it does not define`)
    const named = Object.entries(resource.Properties).flatMap(([key, value]) => {
      if (!/Name$|^Family$|^FifoQueue$/.test(key)) return []
      const resolved = resolve(value, scope)
      return resolved === undefined ? [] : [[key, resolved] as const]
    })
    const made = identityOf({ logical_id, type: resource.Type, properties: Object.fromEntries(named) }, around)
    identities.set(logical_id, made)
    return made
  }
  const scope: Scope = {
    zones,
    ref: (name) => (pseudo.has(name) ? pseudo.get(name) : (values.get(name) ?? identity(name).ref)),
    attribute: (logical_id, attribute) => identity(logical_id).attributes[attribute] ?? `${logical_id}.${attribute}`,
    condition: (name) => {
      const expression = template.Conditions[name]
      if (expression === undefined) throw new Error(`the template has no condition ${name}`)
      return evaluateCondition(expression, scope)
    },
    mapping: (map, top, second) => {
      const found = template.Mappings[map]?.[top]?.[second]
      if (found === undefined) throw new Error(`the template's mapping ${map} has no ${top}.${second}`)
      return found
    },
  }
  return { scope, identity }
}

/** An address of a deployed API (`https://<id>.execute-api.<region>.<suffix>`, or `wss://`) becomes the loopback one wherever it appears. */
const withLocalApi = (value: Json, around: Surroundings): Json => {
  const address = /(https|wss):\/\/[a-z0-9-]+\.execute-api\.[a-z0-9-]+\.amazonaws\.com/g
  if (typeof value === 'string') return value.replaceAll(address, (_, scheme) => (scheme === 'wss' ? around.api_url.replace(/^http/, 'ws') : around.api_url))
  if (Array.isArray(value)) return value.map((item) => withLocalApi(item, around))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withLocalApi(item, around)]))
}

/** Resolves a synthesized stack for this machine. @param given values for the template's parameters; the others take their defaults */
export const resolveStack = ({ template }: SynthesizedStack, given: Readonly<Record<string, string>>, around: Surroundings): ResolvedStack => {
  refuseUnknownTypes(template.Resources)
  const { scope, identity } = scopeOf(template, parameterValues(template, given), around)
  return {
    surroundings: around,
    of: (types, schema) => {
      const wanted: readonly string[] = types
      return Object.entries(template.Resources)
        .filter(([, resource]) => wanted.includes(resource.Type) && (resource.Condition === undefined || scope.condition(resource.Condition)))
        .map(([logical_id, resource]) => {
          const parsed = schema.safeParse(withLocalApi(resolve(resource.Properties, scope) ?? {}, around))
          if (!parsed.success)
            throw new Error(`${resource.Type} ${logical_id} has properties that the local stack cannot run: ${z.prettifyError(parsed.error)}`)
          return { logical_id, identity: identity(logical_id), properties: parsed.data }
        })
    },
  }
}

/** Scalars as CloudFormation accepts them: numbers and booleans may be written as text. */
export const CfnNumber = z.coerce.number()
export const CfnBoolean = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
export const CfnText = z.union([z.string(), z.number(), z.boolean()]).transform((value) => textOf(value, 'a text'))
