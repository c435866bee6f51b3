/**
 * CloudFormation's intrinsic functions over JSON, as far as the template of this project uses them. `undefined` stands for
 * `AWS::NoValue`: the property or list item that has it is left out. An unknown function is an error that names it.
 * Source: AWS CloudFormation template reference, "Intrinsic functions".
 */
import type { Json } from './template.ts'

export interface Scope {
  /** `Ref`: a parameter, pseudo parameter or resource. Throws for a name that is none. */
  ref(name: string): Json | undefined
  /** `Fn::GetAtt`. */
  attribute(logical_id: string, attribute: string): Json
  /** A named condition of the template. */
  condition(name: string): boolean
  /** `Fn::FindInMap`. */
  mapping(map: string, top_key: string, second_key: string): Json
  /** `Fn::GetAZs` */
  readonly zones: readonly string[]
}

type JsonRecord = { [key: string]: Json }
const isRecord = (value: Json | undefined): value is JsonRecord => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The text of a scalar, as it appears in a joined string. */
export const textOf = (value: Json | undefined, where: string): string => {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new Error(`${where} needs a text and got ${JSON.stringify(value)}`)
}

const listOf = (value: Json | undefined, where: string): Json[] => {
  if (Array.isArray(value)) return value
  throw new Error(`${where} needs a list and got ${JSON.stringify(value)}`)
}

const substitute = (text: string, values: JsonRecord, scope: Scope): string =>
  text.replaceAll(/\$\{(!?)([^}]*)\}/g, (_, literal: string, name: string) => {
    if (literal === '!') return `\${${name}}`
    const own = values[name]
    if (own !== undefined) return textOf(own, `Fn::Sub of ${name}`)
    const dot = name.indexOf('.')
    const value = dot < 0 ? scope.ref(name) : scope.attribute(name.slice(0, dot), name.slice(dot + 1))
    return textOf(value, `Fn::Sub of ${name}`)
  })

const conditionOf = (value: Json | undefined, scope: Scope): boolean => {
  const resolved = isRecord(value) && typeof value['Condition'] === 'string' ? scope.condition(value['Condition']) : resolve(value, scope)
  return resolved === true || resolved === 'true'
}

const attributeName = (argument: Json, scope: Scope): readonly [string, string] => {
  if (typeof argument === 'string') {
    const dot = argument.indexOf('.')
    return [argument.slice(0, dot), argument.slice(dot + 1)]
  }
  const [logical_id, attribute] = listOf(argument, 'Fn::GetAtt')
  return [textOf(logical_id, 'Fn::GetAtt'), textOf(resolve(attribute, scope), 'Fn::GetAtt')]
}

type Intrinsic = (argument: Json, scope: Scope) => Json | undefined
/** Resolves the arguments before the function sees them. */
const eager =
  (name: string, apply: (items: readonly (Json | undefined)[], scope: Scope) => Json | undefined): Intrinsic =>
  (argument, scope) =>
    apply(
      listOf(argument, name).map((item) => resolve(item, scope)),
      scope,
    )

const intrinsics: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, scope) => scope.ref(textOf(argument, 'Ref')),
  Condition: (argument, scope) => scope.condition(textOf(argument, 'Condition')),
  'Fn::GetAtt': (argument, scope) => scope.attribute(...attributeName(argument, scope)),
  'Fn::Sub': (argument, scope) => {
    if (typeof argument === 'string') return substitute(argument, {}, scope)
    const [text, values] = listOf(argument, 'Fn::Sub')
    const resolved = resolve(values, scope)
    return substitute(textOf(text, 'Fn::Sub'), isRecord(resolved) ? resolved : {}, scope)
  },
  'Fn::Join': eager('Fn::Join', ([separator, items]) =>
    listOf(items, 'Fn::Join')
      .map((item) => textOf(item, 'Fn::Join'))
      .join(textOf(separator, 'Fn::Join')),
  ),
  'Fn::Select': eager('Fn::Select', ([index, items]) => {
    const chosen = listOf(items, 'Fn::Select')[Number(index)]
    if (chosen === undefined) throw new Error(`Fn::Select: no item ${JSON.stringify(index)} in ${JSON.stringify(items)}`)
    return chosen
  }),
  'Fn::Split': eager('Fn::Split', ([separator, text]) => textOf(text, 'Fn::Split').split(textOf(separator, 'Fn::Split'))),
  'Fn::If': (argument, scope) => {
    const [condition, yes, no] = listOf(argument, 'Fn::If')
    return resolve(scope.condition(textOf(condition, 'Fn::If')) ? yes : no, scope)
  },
  'Fn::Equals': eager('Fn::Equals', ([left, right]) => JSON.stringify(left) === JSON.stringify(right)),
  'Fn::Not': (argument, scope) => !conditionOf(listOf(argument, 'Fn::Not')[0], scope),
  'Fn::And': (argument, scope) => listOf(argument, 'Fn::And').every((item) => conditionOf(item, scope)),
  'Fn::Or': (argument, scope) => listOf(argument, 'Fn::Or').some((item) => conditionOf(item, scope)),
  'Fn::FindInMap': eager('Fn::FindInMap', ([map, top, second], scope) =>
    scope.mapping(textOf(map, 'Fn::FindInMap'), textOf(top, 'Fn::FindInMap'), textOf(second, 'Fn::FindInMap')),
  ),
  'Fn::GetAZs': (_, scope) => [...scope.zones],
  'Fn::Base64': (argument, scope) => Buffer.from(textOf(resolve(argument, scope), 'Fn::Base64')).toString('base64'),
}

const resolveRecord = (value: JsonRecord, scope: Scope): Json | undefined => {
  const [only, ...others] = Object.keys(value)
  if (only !== undefined && others.length === 0 && (only === 'Ref' || only.startsWith('Fn::'))) {
    const intrinsic = intrinsics[only]
    const argument = value[only]
    if (intrinsic === undefined || argument === undefined) throw new Error(`the local stack does not know the intrinsic function ${only}`)
    return intrinsic(argument, scope)
  }
  const resolved: JsonRecord = {}
  for (const [key, item] of Object.entries(value)) {
    const one = resolve(item, scope)
    if (one !== undefined) resolved[key] = one
  }
  return resolved
}

/** `value` with every intrinsic function in it applied. */
export const resolve = (value: Json | undefined, scope: Scope): Json | undefined => {
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope)).filter((item) => item !== undefined)
  return isRecord(value) ? resolveRecord(value, scope) : value
}

/** The truth of an expression of the template's `Conditions`. */
export const evaluateCondition = (expression: Json, scope: Scope): boolean => conditionOf(expression, scope)
