/** A run is found in whichever version of the function it was started on. */
import type { LambdaClient } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'
import { findExecution, parseFunctionName } from '../../../src/plugins/lambda/find-run.ts'

const ARN = 'arn:aws:lambda:us-west-2:000000000000:function:travel'

test.each([
  ['travel', { name: 'travel' }],
  ['travel:live', { name: 'travel', qualifier: 'live' }],
  [ARN, { name: ARN }],
  [`${ARN}:7`, { name: ARN, qualifier: '7' }],
  ['000000000000:function:travel:live', { name: '000000000000:function:travel', qualifier: 'live' }],
])('%s', (given, expected) => {
  expect(parseFunctionName(given)).toEqual(expected)
})

/** A client of a service that has the run in version 2, and version 3 under the alias. */
function fakeClient(asked: (string | undefined)[]): LambdaClient {
  const send = async ({ input }: { readonly input: { readonly [name: string]: string } }): Promise<unknown> => {
    if (!('DurableExecutionName' in input)) {
      return 'Marker' in input
        ? { Versions: [{ Version: '2' }, { Version: '3' }] }
        : { Versions: [{ Version: '$LATEST' }, { Version: '1' }], NextMarker: 'more' }
    }
    asked.push(input['Qualifier'])
    const here = input['Qualifier'] === '2' ? [{ DurableExecutionName: 'run-1', DurableExecutionArn: 'found' }] : []
    return { DurableExecutions: [{ DurableExecutionName: 'run-10', DurableExecutionArn: 'other' }, ...here] }
  }
  return { send } as unknown as LambdaClient
}

test('the version of the alias is looked at first, then the others from the newest on', async () => {
  const asked: (string | undefined)[] = []
  expect(await findExecution(fakeClient(asked), 'travel:live', 'run-1')).toBe('found')
  expect(asked).toEqual(['live', '3', '2'])
})

test('without a version there is $LATEST alone', async () => {
  const asked: (string | undefined)[] = []
  expect(await findExecution(fakeClient(asked), 'travel', 'run-1')).toBeUndefined()
  expect(asked).toEqual([undefined])
})
