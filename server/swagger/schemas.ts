import { APP_NAME_PATTERN } from '../../src/app-name';
import { MAX_IDLE_TIMEOUT, ON_SCHEDULE, START_MODES } from '../../src/app-record';
import { LIMIT_NAMES, LIMITS } from '../../src/policies/limits';
import { PREFLIGHT_CHECKS } from '../../src/preflight';
import { APP_STATES } from '../../src/app-state';
import { ICON_TYPES, MAX_ICON_BYTES } from '../../src/icon-image';
import { AWAKE_REASONS } from '../../src/policies/idle';
import { ignoredOptions, options, shownOptions } from './options';
import { maybe } from './pieces';
import { address, budget, databasePlace, event, isolation, journey, logFiles, text, time } from './shapes';

const ICON_URL = 'The address of its picture, on every host of NocoBase; the picture comes before the icon.';

export const ref = (name: keyof typeof answers | keyof typeof bodies) => ({ $ref: `#/components/schemas/${name}` });

const startMode = {
  type: 'string',
  enum: [...START_MODES],
  default: 'lazy',
  description:
    'lazy: booted by its first visitor, asleep when idle. eager: booted after the main application, kept awake. manual: started and stopped by an operator only.',
};

const limits = {
  type: 'object',
  nullable: true,
  description:
    'Its own limits; an absent one, or null, is the default of all applications, and 0 means no limit. An update keeps what it does not name.',
  additionalProperties: false,
  properties: Object.fromEntries(
    LIMIT_NAMES.map((name) => {
      const { label, fallback, min, max } = LIMITS[name];
      return [
        name,
        { type: 'integer', nullable: true, minimum: min, maximum: max, default: fallback, description: `${label}.` },
      ];
    }),
  ),
};

const changeable = {
  displayName: text('What people call it.'),
  cname: text('Custom domain: a host name, unique among all applications; stored in ASCII form.'),
  domains: {
    type: 'array',
    items: { type: 'string' },
    maxItems: 20,
    nullable: true,
    description: 'Further custom domains, under the same rules.',
  },
  icon: text('Name of its icon.'),
  iconImage: maybe({
    type: 'string',
    nullable: true,
    description: `Its icon as a picture: a data URI in base64 of ${ICON_TYPES.join(', ')}, at most ${MAX_ICON_BYTES / 1024} KB. Lists leave it out: see \`iconUrl\`.`,
  }),
  hidden: { type: 'boolean', description: 'Not shown in the block of applications.' },
  pinned: { type: 'boolean', description: 'Shown in the application switcher.' },
  startMode,
  idleTimeout: {
    type: 'integer',
    nullable: true,
    minimum: 0,
    maximum: MAX_IDLE_TIMEOUT,
    description: 'Seconds without use after which it is put to sleep. 0: never for idleness; null: the default.',
  },
  keepAwake: { type: 'boolean', nullable: true, description: 'Never put to sleep, whatever the limits.' },
  onSchedule: {
    type: 'string',
    nullable: true,
    enum: [...ON_SCHEDULE, null],
    default: 'stay-awake',
    description: 'What becomes of it when it is idle and has work of its own ahead (cron, schedules, delays).',
  },
  limits,
  options,
};

const adopt = {
  type: 'boolean',
  default: false,
  description: 'Take in the application of NocoBase that the database holds, as it is.',
};

const administrator = (description: string) => ({
  type: 'object',
  description,
  required: ['password'],
  properties: {
    email: { type: 'string', format: 'email' },
    username: { type: 'string' },
    nickname: { type: 'string' },
    password: { type: 'string', format: 'password' },
  },
});

const sort = { type: 'integer', description: 'Position in lists.' };

const versionChanges = (description: string) => ({
  type: 'array',
  description,
  items: {
    type: 'object',
    properties: { packageName: text('Its package.'), from: text('In the database.'), to: text('Installed here.') },
  },
});

const upgradeFields = {
  name: text('Its ID.'),
  from: { ...text("NocoBase's version in its database; null when there is none, or it was not read."), nullable: true },
  to: text("NocoBase's version here."),
  plugins: versionChanges('Its plugins that are newer here.'),
  ahead: versionChanges('Its plugins that are older here; nothing is done about them.'),
  error: {
    type: 'object',
    nullable: true,
    properties: { code: text('A code of the documented table.'), message: text('What went wrong and what to do.') },
  },
};

const upgradeRun = {
  type: 'object',
  properties: {
    startedAt: time('When it began.'),
    finishedAt: { ...time('When it ended; null while it goes on.'), nullable: true },
    force: { type: 'boolean', description: 'Whether up-to-date applications are upgraded too.' },
    total: { type: 'integer' },
    counts: {
      type: 'object',
      description: 'How many had which outcome.',
      additionalProperties: { type: 'integer' },
    },
    applications: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          ...upgradeFields,
          outcome: {
            type: 'string',
            enum: ['waiting', 'upgrading', 'upgraded', 'current', 'not_installed', 'failed', 'cancelled'],
          },
          ms: { type: 'integer', nullable: true, description: 'How long its upgrade took, in milliseconds.' },
        },
      },
    },
  },
};

/** What callers send. */
export const bodies = {
  ApplicationCreate: {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        pattern: APP_NAME_PATTERN.source,
        description: 'Its ID; reserved words are refused. Made from `displayName` where it is absent.',
      },
      ...changeable,
      admin: administrator("Its first administrator. By default the caller's own account, with the same password."),
      adopt,
    },
  },
  DatabaseQuestion: {
    type: 'object',
    properties: { name: text('Its ID.'), displayName: changeable.displayName, options: changeable.options, adopt },
  },
  ApplicationClone: {
    type: 'object',
    description: 'What is not given is as in the original.',
    properties: {
      name: { type: 'string', pattern: APP_NAME_PATTERN.source, description: 'Its ID; reserved words are refused.' },
      displayName: changeable.displayName,
      cname: changeable.cname,
      startMode,
      admin: administrator(
        'Takes the place of the first user of the original. By default all users are as in the original.',
      ),
    },
  },
  ApplicationUpdate: {
    type: 'object',
    properties: { ...changeable, options: shownOptions, sort },
  },
} as const;

/** What is answered. */
export const answers = {
  Application: {
    type: 'object',
    properties: {
      name: text('Its ID: part of its addresses, unique, never changed.'),
      ...changeable,
      displayName: { ...changeable.displayName, nullable: true },
      cname: { ...changeable.cname, nullable: true },
      icon: { ...changeable.icon, nullable: true },
      hidden: { ...changeable.hidden, nullable: true },
      pinned: { ...changeable.pinned, nullable: true },
      options: { ...shownOptions, nullable: true },
      ignoredOptions,
      status: {
        type: 'string',
        enum: ['preparing', 'initializing', 'initialized', 'running', 'commanding', 'stopped', 'error', 'not_found'],
        description: "NocoBase's word for it, computed.",
      },
      state: { type: 'string', enum: Object.keys(APP_STATES), description: 'What it is in, more precisely.' },
      stateSince: {
        ...time('Since when it has been in this state; null when nothing happened since the process started.'),
        nullable: true,
      },
      stateReason: { ...text('Why it is in this state.'), nullable: true },
      lastError: {
        type: 'object',
        nullable: true,
        properties: {
          code: text('A code of the documented table.'),
          message: text('What went wrong and what to do.'),
          step: maybe(text('The step of its boot or its making that failed.')),
          at: time('When it failed.'),
        },
      },
      retryAt: { ...time('Before this time a visit does not try again.'), nullable: true },
      journey,
      awakeBecause: {
        type: 'array',
        nullable: true,
        items: { type: 'string', enum: [...AWAKE_REASONS] },
        description: 'Why it is not put to sleep; empty when it will be, null when it does not run.',
      },
      lastActiveAt: { ...time('When it was last used, since the process started.'), nullable: true },
      lastVisitedAt: {
        ...time(
          "The last visitor's request, message on a socket or opening of its page, across restarts; null for never.",
        ),
        nullable: true,
      },
      iconUrl: { ...text(ICON_URL), nullable: true },
      address,
      databasePlace,
      removedAt: { ...time('When it was removed; null while it is not.'), nullable: true },
      purgeAt: { ...time('When a removed one is purged, and can no longer be restored.'), nullable: true },
      nextDueAt: { ...time('When the first of its own work is due, as far as it is known.'), nullable: true },
      faults: {
        type: 'object',
        nullable: true,
        description: 'Uncaught exceptions and promise rejections of the application since the process started.',
        properties: {
          count: { type: 'integer' },
          last: {
            type: 'object',
            properties: {
              kind: { type: 'string', enum: ['exception', 'rejection'] },
              error: text('What kind of error; its message stands in the log.'),
              at: time('When it was thrown.'),
            },
          },
        },
      },
      stoppedAt: { ...time('When an operator stopped it.'), nullable: true },
      ownSecret: {
        type: 'boolean',
        description: "False while it signs its tokens with the main application's secret.",
      },
      isolation,
      createdAt: time('When it was registered.'),
      updatedAt: time('When its registration was last changed.'),
    },
  },
  Event: event,
  DomainAnswer: {
    type: 'object',
    properties: {
      ok: { type: 'boolean', description: 'Whether the application could have it.' },
      domain: maybe(text('In lower case and ASCII.')),
      code: maybe(text('A code of the documented table.')),
      message: maybe(text('Why the application cannot have it, and what to do.')),
    },
  },
  DatabaseAnswer: {
    type: 'object',
    properties: {
      ok: { type: 'boolean', description: 'Whether it could be created so.' },
      checks: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            check: { type: 'string', enum: [...PREFLIGHT_CHECKS] },
            ok: { type: 'boolean' },
            code: maybe(text('A code of the documented table.')),
            message: maybe(text('What stands against it.')),
            advice: maybe(text('What to do about it.')),
          },
        },
      },
      isolation: {
        ...isolation,
        nullable: true,
        description: 'Whether it would have a role of its own; null if a check did not pass.',
        properties: {
          ...isolation.properties,
          openDatabases: {
            type: 'array',
            items: { type: 'string' },
            description: 'Databases on the server to which every new role may connect.',
          },
        },
      },
    },
  },
  Entry: {
    type: 'object',
    properties: {
      name: text('ID; `main` is the main application.'),
      title: text('What people read.'),
      icon: { ...text('The name of an icon.'), nullable: true },
      iconUrl: { ...text(ICON_URL), nullable: true },
      path: text("Under the main application's address."),
      domain: { ...text('Its custom domain.'), nullable: true },
      hosts: { type: 'array', items: { type: 'string' }, description: 'All hosts that are its own.' },
      available: { type: 'boolean', description: 'False while no visit leads there.' },
      here: { type: 'boolean', description: 'Whether it is the application that answers.' },
    },
  },
  SupervisorInfo: {
    type: 'object',
    properties: {
      version: text('The version of this plugin that runs.'),
      installedVersion: {
        ...text(
          'The version that is installed; another one runs after a restart of NocoBase. Null if it cannot be read.',
        ),
        nullable: true,
      },
      state: {
        type: 'string',
        enum: ['active', 'standby', 'restart_required', 'inert'],
        description:
          'Whether this plugin runs applications in this process; `standby`: another process on the same main database does.',
      },
      reasonCode: maybe(text('Why it does not: a code of the documented table.')),
      message: maybe(text('Why it does not, and what to do.')),
      clusterMode: { type: 'boolean', description: 'Several processes share one port (`CLUSTER_MODE`): unsupported.' },
      adapter: {
        type: 'object',
        properties: { discovery: text('The discovery adapter in use.'), process: text('The process adapter in use.') },
      },
      removalRetentionDays: {
        type: 'number',
        nullable: true,
        description: 'How long a removed application can be restored, in days; 0 if it is deleted for good at once.',
      },
      pathAccess: {
        type: 'boolean',
        description: "Whether applications are served below the main application's address.",
      },
      limits: {
        type: 'object',
        nullable: true,
        description: 'The limits of every application that has no values of its own; 0 means no limit.',
        properties: Object.fromEntries(
          LIMIT_NAMES.map((name) => [name, { type: 'integer', description: `${LIMITS[name].label}.` }]),
        ),
      },
      baseDomains: {
        type: 'array',
        items: { type: 'string' },
        description: 'An application is at <name>.<base domain>.',
      },
      applications: { type: 'integer', description: 'How many applications are registered.' },
      logFiles,
      connections: {
        type: 'object',
        nullable: true,
        description: "The connections of this process to the main application's database server.",
        properties: {
          limit: { type: 'integer', description: 'How many there may be at most.' },
          main: {
            type: 'object',
            properties: {
              reserved: { type: 'integer', description: 'Set aside for the main application.' },
              inUse: { type: 'integer' },
            },
          },
          applications: { ...budget, description: 'What is left for applications and the making of their databases.' },
          otherServers: {
            type: 'array',
            description: 'Applications on other database servers.',
            items: { ...budget, properties: { server: { type: 'string' }, ...budget.properties } },
          },
          external: {
            type: 'array',
            description: 'Data sources that were added in applications; not limited.',
            items: {
              type: 'object',
              properties: {
                application: { type: 'string' },
                dataSource: { type: 'string' },
                inUse: { type: 'integer' },
                max: { type: 'integer' },
              },
            },
          },
        },
      },
    },
  },
  Removed: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      database: { type: 'string', description: 'Where its data lies, or lay.' },
      databaseDropped: { type: 'boolean' },
      removedAt: { ...time('When it was removed; null when it is purged.'), nullable: true },
      purgeAt: { ...time('Until when it can be restored; null when it is purged.'), nullable: true },
    },
  },
  PasswordRequest: {
    type: 'object',
    properties: {
      account: text('A user name or an e-mail address; by default of the first administrator.'),
      password: text('The new password; by default a generated one.'),
    },
  },
  ChangedPassword: {
    type: 'object',
    properties: {
      id: { oneOf: [{ type: 'integer' }, { type: 'string' }], description: 'The ID of the account.' },
      username: { type: 'string', nullable: true },
      email: { type: 'string', nullable: true },
      password: {
        ...text('The generated password, which cannot be read again; null if the call gave one.'),
        nullable: true,
      },
    },
  },
  UpgradeRun: upgradeRun,
  UpgradePlan: {
    type: 'object',
    properties: {
      version: text("NocoBase's version here."),
      applications: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            ...upgradeFields,
            state: { type: 'string', enum: ['current', 'behind', 'newer', 'not_installed', 'unreadable'] },
          },
        },
      },
      run: { ...upgradeRun, nullable: true, description: 'The upgrade under way, or the last one.' },
    },
  },
} as const;
