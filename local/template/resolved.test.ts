import * as z from 'zod'
import { expect, test } from 'vitest'
import { resolveStack } from './resolved.ts'
import { Template, type Json } from './template.ts'

const around = { region: 'us-east-1', account: '000000000000', stack_name: 'S', api_url: 'http://127.0.0.1:4700', sqs_url: 'http://127.0.0.1:9324' }
const Anything = z.looseObject({ Value: z.unknown().optional() })

const stackOf = (template: { [key: string]: Json }, parameters: Readonly<Record<string, string>> = {}) =>
  resolveStack({ stack_name: 'S', template: Template.parse(template), assets: new Map() }, parameters, around)

/** Resolves one expression as a property of a queue, in a template with a few things to refer to. */
const valueOf = (expression: Json, parameters: Readonly<Record<string, string>> = {}) => {
  const resources = {
    It: { Type: 'AWS::SQS::Queue', Properties: { Value: expression } },
    Fifo: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } },
    Table: { Type: 'AWS::DynamoDB::GlobalTable', Properties: {} },
    Role: { Type: 'AWS::IAM::Role', Properties: {} },
    Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: {} },
    Vpc: { Type: 'AWS::EC2::VPC', Properties: {} },
  }
  const template = {
    Parameters: {
      List: { Type: 'CommaDelimitedList', Default: 'a,b' },
      Size: { Type: 'Number', Default: '3' },
      Provider: { Type: 'String', Default: 'x', AllowedValues: ['x', 'y'] },
    },
    Conditions: { IsX: { 'Fn::Equals': [{ Ref: 'Provider' }, 'x'] }, IsNotX: { 'Fn::Not': [{ Condition: 'IsX' }] } },
    Mappings: { Map: { top: { second: 'found' } } },
    Resources: resources,
  }
  return stackOf(template, parameters).of(['AWS::SQS::Queue'], Anything)[0]?.properties.Value
}

test.each<[Json, unknown]>([
  [{ Ref: 'AWS::Region' }, 'us-east-1'],
  [{ Ref: 'List' }, ['a', 'b']],
  [{ Ref: 'Table' }, 'S-Table'],
  [{ Ref: 'Fifo' }, 'http://127.0.0.1:9324/000000000000/S-Fifo.fifo'],
  [{ Ref: 'Vpc' }, 'Vpc'],
  [{ 'Fn::GetAtt': ['Fifo', 'Arn'] }, 'arn:aws:sqs:us-east-1:000000000000:S-Fifo.fifo'],
  [{ 'Fn::GetAtt': 'Table.Arn' }, 'arn:aws:dynamodb:us-east-1:000000000000:table/S-Table'],
  [{ 'Fn::GetAtt': ['Vpc', 'CidrBlock'] }, 'Vpc.CidrBlock'],
  [{ 'Fn::GetAtt': ['Api', 'ApiEndpoint'] }, 'http://127.0.0.1:4700'],
  [
    { 'Fn::Join': ['', ['https://', { Ref: 'Api' }, '.execute-api.', { Ref: 'AWS::Region' }, '.', { Ref: 'AWS::URLSuffix' }, '/v1']] },
    'http://127.0.0.1:4700/v1',
  ],
  [{ 'Fn::Sub': '${Table}/${Fifo.QueueName}/${!Literal}' }, 'S-Table/S-Fifo.fifo/${Literal}'],
  [{ 'Fn::Sub': ['{"list":["${List}"],"size":${Size}}', { List: { 'Fn::Join': ['","', { Ref: 'List' }] } }] }, '{"list":["a","b"],"size":3}'],
  [{ 'Fn::Select': [1, { 'Fn::Split': [',', 'a,b,c'] }] }, 'b'],
  [{ 'Fn::If': ['IsX', 'yes', 'no'] }, 'yes'],
  [{ 'Fn::If': ['IsNotX', 'yes', { Ref: 'AWS::NoValue' }] }, undefined],
  [
    ['a', { 'Fn::If': ['IsX', { Ref: 'AWS::NoValue' }, 'no'] }, 'b'],
    ['a', 'b'],
  ],
  [{ 'Fn::FindInMap': ['Map', 'top', 'second'] }, 'found'],
])('%j', (expression, expected) => {
  expect(valueOf(expression)).toEqual(expected)
})

test('a parameter that is given counts, also in conditions', () => {
  expect(valueOf({ 'Fn::If': ['IsX', { Ref: 'Size' }, { Ref: 'List' }] }, { Provider: 'y', List: 'p, q' })).toEqual(['p', 'q'])
})

test('a value that is not allowed and a parameter that is not there are refused by name', () => {
  expect(() => valueOf('', { Provider: 'z' })).toThrow(/parameter Provider is "z"; allowed: \["x","y"\]/)
  expect(() => valueOf('', { Nope: 'z' })).toThrow(/no parameter Nope/)
})

test('an intrinsic function or a name that is not known is named', () => {
  expect(() => valueOf({ 'Fn::ImportValue': 'x' })).toThrow(/Fn::ImportValue/)
  expect(() => valueOf({ Ref: 'Nothing' })).toThrow(/Nothing/)
})

test('a resource whose condition does not hold is left out', () => {
  const stack = stackOf({
    Conditions: { No: { 'Fn::Equals': ['a', 'b'] } },
    Resources: { Q: { Type: 'AWS::SQS::Queue', Condition: 'No' }, R: { Type: 'AWS::SQS::Queue' } },
  })
  expect(stack.of(['AWS::SQS::Queue'], z.looseObject({})).map(({ logical_id }) => logical_id)).toEqual(['R'])
})

test('a type that the local stack neither runs nor may ignore is named with its logical id', () => {
  expect(() => stackOf({ Resources: { Machine: { Type: 'AWS::StepFunctions::StateMachine' }, Role: { Type: 'AWS::IAM::Role' } } })).toThrow(
    /AWS::StepFunctions::StateMachine \(Machine\)/,
  )
})

test('properties that a part cannot run are named', () => {
  const stack = stackOf({ Resources: { Q: { Type: 'AWS::SQS::Queue', Properties: { DelaySeconds: 'soon' } } } })
  expect(() => stack.of(['AWS::SQS::Queue'], z.looseObject({ DelaySeconds: z.coerce.number() }))).toThrow(/AWS::SQS::Queue Q/)
})
